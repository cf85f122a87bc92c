/** Reads the command files of `bytes/` (their README says what the lines mean). */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { encode } from '../support/wire.ts';

export type Mask = 'none' | 'digits' | 'sorted' | 'kind';

export interface Case {
  /** `strings.txt:12 GET s` */
  readonly name: string;
  /** Lower-case name of the command; empty for raw bytes. */
  readonly command: string;
  readonly bytes: Buffer;
  readonly mask: Mask;
  /** Answered here on purpose: why. */
  readonly here: string | null;
  /** Ends its connection. */
  readonly fault: boolean;
}

const FOLDER = path.join(import.meta.dirname, 'bytes');

export function caseFiles(): string[] {
  return globSync('*.txt', { cwd: FOLDER }).sort();
}

export function readCases(file: string): Case[] {
  const cases: Case[] = [];
  let mask: Mask = 'none';
  let here: string | null = null;
  const lines = readFileSync(path.join(FOLDER, file), 'latin1').split('\n');
  for (const [index, line] of lines.entries()) {
    if (line === '') continue;
    const place = `${file}:${index + 1}`;
    const note = /^@(?:mask (digits|sorted|kind)|(here)): (.+)$/.exec(line);
    if (note !== null) {
      mask = (note[1] as Mask | undefined) ?? 'none';
      here = note[2] === undefined ? null : (note[3] ?? '');
      continue;
    }
    if (line.startsWith('@')) throw new Error(`${place}: not understood: ${line}`);
    cases.push({ ...readCase(line, place), mask, here });
    mask = 'none';
    here = null;
  }
  return cases;
}

type Bare = Pick<Case, 'name' | 'command' | 'bytes' | 'fault'>;

function readCase(line: string, place: string): Bare {
  const words = splitLine(line, place);
  const short = line.length > 100 ? `${line.slice(0, 97)}...` : line;
  const name = `${place} ${short}`;
  const [first = '', second = ''] = words;
  if (/^(raw|fault) "/.test(line)) {
    return { name, command: '', bytes: Buffer.from(second, 'latin1'), fault: first === 'fault' };
  }
  return { name, command: first.toLowerCase(), bytes: encode(words), fault: false };
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b' };

function splitLine(line: string, place: string): string[] {
  const words: string[] = [];
  const token = /\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+))/gy;
  while (token.lastIndex < line.trimEnd().length) {
    const match = token.exec(line);
    if (match === null) throw new Error(`${place}: not understood: ${line}`);
    const [, double, single, bare] = match;
    words.push(single ?? repeat(unquote(double ?? bare ?? '')));
  }
  return words;
}

function unquote(text: string): string {
  return text.replace(/\\(?:x([0-9a-f]{2})|(.))/gi, (_all, hex: string | undefined, one: string) =>
    hex === undefined ? (escapes[one] ?? one) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** `{3*ab}` becomes `ababab`. */
function repeat(text: string): string {
  return text.replace(/\{(\d+)\*([^}]*)\}/g, (_all, count: string, part: string) =>
    part.repeat(Number(count)),
  );
}
