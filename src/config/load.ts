/** A configuration file in, a `Config` or every fault of it with its place out. */
import { dirname, resolve } from 'node:path';
import type { Document, Node } from 'yaml';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { checkValue } from './check.ts';
import type { Config } from './config.ts';
import type { Fault, Finding, Path } from './faults.ts';
import { ConfigError, formatPath } from './faults.ts';
import { fileProblem, systemResources } from './resources.ts';

/** What faults call the file as a whole, where others have a path. */
const WHOLE = 'configuration';

/** A configuration, and where in its file things stand. */
export interface LoadedConfig {
  readonly config: Config;
  /** For faults that only show when the configuration is to be put in force. */
  faultAt(path: Path, reason: string): Fault;
}

/** Relative paths in the file start from its folder. */
export function loadFile(path: string): Config {
  return readConfig(path).config;
}

/** `name` is what faults call the text; its folder is where relative paths start. */
export function loadText(text: string, name: string): Config {
  return parseConfig(text, name).config;
}

/** As `loadFile`. */
export function readConfig(path: string): LoadedConfig {
  const resources = systemResources(dirname(resolve(path)));
  let text: string;
  try {
    text = resources.readText(resolve(path));
  } catch (error) {
    const reason = `cannot be read: ${fileProblem(error)}`;
    throw new ConfigError([{ file: path, line: 0, column: 0, path: '', reason }]);
  }
  return parseConfig(text, path);
}

function parseConfig(text: string, name: string): LoadedConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const fault = (offset: number, path: string, reason: string): Fault => {
    const { line, col } = lines.linePos(offset);
    return { file: name, line, column: col, path, reason };
  };
  const faultOf = (finding: Finding): Fault =>
    fault(offsetOf(document, finding), formatPath(finding.path) || WHOLE, finding.reason);
  const broken = [...document.errors, ...document.warnings].map((problem) =>
    fault(problem.pos[0], 'yaml', problem.message.replaceAll('\n', ' ')),
  );
  const isShapeless = document.errors.some((error) => error.code !== 'DUPLICATE_KEY');
  // What a broken text was meant to say is a guess; faults about a guess would only distract.
  if (isShapeless) throw new ConfigError(sortFaults(broken));

  const raw = plainValue(document);
  if (raw instanceof Error) throw new ConfigError([fault(0, 'yaml', raw.message)]);
  const checked = checkValue(raw, systemResources(dirname(resolve(name))));
  if (checked.config !== null && broken.length === 0) {
    const faultAt = (path: Path, reason: string): Fault => faultOf({ path, at: 'value', reason });
    return { config: checked.config, faultAt };
  }
  throw new ConfigError(sortFaults([...broken, ...(checked.findings ?? []).map(faultOf)]));
}

/** An error instead of a value: aliases that would multiply without end. */
function plainValue(document: Document.Parsed): unknown {
  try {
    return document.toJS();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Where in the text a finding belongs; for what is missing, the key of what it is missing from. */
function offsetOf(document: Document.Parsed, finding: Finding): number {
  let node: unknown = document.contents;
  let keyOffset = startOf(node) ?? 0;
  for (const [i, step] of finding.path.entries()) {
    const child = childOf(resolveAlias(node, document), step);
    if (child === null) return keyOffset;
    keyOffset = child.keyOffset;
    const isLast = i === finding.path.length - 1;
    if (isLast && finding.at === 'value') return startOf(child.value) ?? keyOffset;
    node = child.value;
  }
  return keyOffset;
}

interface Child {
  readonly keyOffset: number;
  readonly value: unknown;
}

function childOf(node: unknown, step: Path[number]): Child | null {
  if (isSeq(node)) {
    const value = node.items[Number(step)];
    return value === undefined ? null : { keyOffset: startOf(value) ?? 0, value };
  }
  if (!isMap(node)) return null;
  for (const { key, value } of node.items) {
    if (isScalar(key) && String(key.value) === step) return { keyOffset: startOf(key) ?? 0, value };
  }
  return null;
}

function resolveAlias(node: unknown, document: Document.Parsed): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

function startOf(node: unknown): number | null {
  return (node as Node | null)?.range?.[0] ?? null;
}

function sortFaults(faults: readonly Fault[]): Fault[] {
  return faults.toSorted((a, b) => a.line - b.line || a.column - b.column);
}
