/** Reads the command files of `bytes/` and `servers/` (the README of `bytes/` says what the lines mean). */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { encode } from '../support/wire.ts';

export type Mask = 'none' | 'digits' | 'sorted' | 'kind';

export interface Case {
  /** `strings.txt:12 GET s` */
  readonly name: string;
  /** Lower-case name of the command; empty for raw bytes. */
  readonly command: string;
  /** The name and the arguments; empty for raw bytes. */
  readonly words: readonly string[];
  readonly bytes: Buffer;
  readonly mask: Mask;
  /** Why it is compared through a mask. */
  readonly maskedFor: string | null;
  /** Answered here on purpose: why. */
  readonly here: string | null;
  /** Answered otherwise where there are several servers: why. */
  readonly apart: Readonly<Record<Deployment, string | null>>;
  /** On a connection of its own, which it ends: the server closes it, or (`last`) the client. */
  readonly fault: boolean;
  readonly last: boolean;
}

/** Several servers behind the door: shards, or a Redis Cluster. */
export type Deployment = 'shards' | 'cluster';

/** Files for a door in front of one server, and files about several. */
type Folder = 'bytes' | 'servers';

export function caseFiles(folder: Folder = 'bytes'): string[] {
  return globSync('*.txt', { cwd: path.join(import.meta.dirname, folder) }).sort();
}

type Notes = Pick<Case, 'mask' | 'maskedFor' | 'here' | 'apart'>;

const NO_NOTES: Notes = {
  mask: 'none',
  maskedFor: null,
  here: null,
  apart: { shards: null, cluster: null },
};

export function readCases(file: string, folder: Folder = 'bytes'): Case[] {
  const cases: Case[] = [];
  let notes = NO_NOTES;
  const lines = readFileSync(path.join(import.meta.dirname, folder, file), 'latin1').split('\n');
  for (const [index, line] of lines.entries()) {
    if (line === '' || line.startsWith('# ')) continue;
    const place = `${file}:${index + 1}`;
    if (line.startsWith('@')) {
      notes = noted(notes, line, place);
      continue;
    }
    cases.push({ ...readCase(line, place), ...notes });
    notes = NO_NOTES;
  }
  return cases;
}

function noted(notes: Notes, line: string, place: string): Notes {
  const [, what, mask, reason = ''] =
    /^@(mask|here|shards|cluster|servers)(?: (digits|sorted|kind))?: (.+)$/.exec(line) ?? [];
  if (what === undefined || (what === 'mask') !== (mask !== undefined)) {
    throw new Error(`${place}: not understood: ${line}`);
  }
  switch (what) {
    case 'mask':
      return { ...notes, mask: mask as Mask, maskedFor: reason };
    case 'here':
      return { ...notes, here: reason };
    case 'servers':
      return { ...notes, apart: { shards: reason, cluster: reason } };
    default:
      return { ...notes, apart: { ...notes.apart, [what]: reason } };
  }
}

type Bare = Pick<Case, 'name' | 'command' | 'words' | 'bytes' | 'fault' | 'last'>;

function readCase(line: string, place: string): Bare {
  const words = splitLine(line, place);
  const short = line.length > 100 ? `${line.slice(0, 97)}...` : line;
  const name = `${place} ${short}`;
  const [first = '', second = ''] = words;
  if (/^(raw|fault|last) "/.test(line)) {
    const [fault, last] = [first !== 'raw', first === 'last'];
    return { name, command: '', words: [], bytes: Buffer.from(second, 'latin1'), fault, last };
  }
  const command = first.toLowerCase();
  return { name, command, words, bytes: encode(words), fault: false, last: false };
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
