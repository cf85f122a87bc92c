/** What is wrong with a configuration, and how it is told. */
import type * as z from 'zod';
import { isLaterKey, NOT_AVAILABLE } from './later.ts';
import { nearest } from './nearest.ts';
import { oneOf, wrong } from './words.ts';

export type Path = readonly (string | number)[];

/** One fault before its place in the file is known. */
export interface Finding {
  readonly path: Path;
  /** Which half of the last step it is about: an unknown key, or the value of a known one. */
  readonly at: 'key' | 'value';
  readonly reason: string;
}

export interface Fault {
  /** Empty: not from a file but from the command line. */
  readonly file: string;
  /** From 1; 0: about the file as a whole. */
  readonly line: number;
  readonly column: number;
  /** `listeners.main.routes[0].upstream`; empty: about the file as a whole. */
  readonly path: string;
  readonly reason: string;
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(faults.map(formatFault).join('\n'));
    this.faults = faults;
  }
}

/** `FILE:line:column path: reason`, leaving out what is not known. */
export function formatFault(fault: Fault): string {
  const { file, line, column, path, reason } = fault;
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  const subject = [place, path].filter((part) => part !== '').join(' ');
  return subject === '' ? reason : `${subject}: ${reason}`;
}

/** As an editor goes through the file. */
export function sortFaults(faults: readonly Fault[]): Fault[] {
  return faults.toSorted((a, b) => a.line - b.line || a.column - b.column);
}

export function formatPath(path: Path): string {
  return path
    .map((step, i) => (typeof step === 'number' ? `[${step}]` : `${i === 0 ? '' : '.'}${step}`))
    .join('');
}

/** The part of a JSON Schema that is read here. */
export interface Shape {
  readonly type?: unknown;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly additionalProperties?: Shape | boolean;
  readonly items?: Shape;
}

/** `shape` is the schema as JSON Schema: it knows which keys are allowed where. */
export function findingsOf(
  issues: readonly z.core.$ZodIssue[],
  raw: unknown,
  shape: Shape,
): Finding[] {
  return issues.flatMap((issue) => findingsOfIssue(issue, raw, shape));
}

function findingsOfIssue(issue: z.core.$ZodIssue, raw: unknown, shape: Shape): Finding[] {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  const value = valueAt(raw, path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        at: 'key',
        reason: unknownKey(path, key, Object.keys(shapeAt(shape, path).properties ?? {})),
      }));
    case 'invalid_key':
      return [{ path, at: 'key', reason: wrongKey(issue.issues[0]?.message ?? '', path) }];
    case 'too_small':
      return [{ path, at: 'value', reason: 'found an empty list, allowed a list with entries' }];
    case 'custom':
      return [{ path, at: 'value', reason: issue.message }];
    default: {
      const allowed = allowedAt(shapeAt(shape, path));
      const reason = value === undefined ? `is missing, allowed ${allowed}` : wrong(value, allowed);
      return [{ path, at: 'value', reason }];
    }
  }
}

function unknownKey(path: Path, key: string, known: readonly string[]): string {
  if (isLaterKey(path, key)) return NOT_AVAILABLE;
  const meant = nearest(key, known);
  if (meant !== null) return `unknown key, did you mean "${meant}"?`;
  return `unknown key, allowed ${oneOf(known)}`;
}

function wrongKey(allowed: string, path: Path): string {
  return `found the name ${JSON.stringify(path.at(-1))}, ${allowed}`;
}

function allowedAt(shape: Shape): string {
  if (shape.type === 'array') return 'a list';
  if (shape.properties === undefined) return 'a mapping from names to what they mean';
  return `a mapping with ${oneOf(Object.keys(shape.properties))}`;
}

function shapeAt(shape: Shape, path: Path): Shape {
  let current: Shape = shape;
  for (const step of path) {
    const rest = current.additionalProperties;
    const named = typeof step === 'string' ? current.properties?.[step] : current.items;
    current = named ?? (typeof rest === 'object' ? rest : {});
  }
  return current;
}

export function valueAt(raw: unknown, path: Path): unknown {
  let current = raw;
  for (const step of path) {
    if (current === null || typeof current !== 'object' || !Object.hasOwn(current, step)) {
      return undefined;
    }
    current = Reflect.get(current, step);
  }
  return current;
}
