/**
 * Which files make up the data, in Redis's own format (one line each: `file NAME seq NUMBER type b|h|i`): a base, increments
 * in their order, and history that may be removed.
 * https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';

/** `b`: all data at one moment; `i`: what was written after; `h`: not needed any more. */
export type FileType = 'b' | 'i' | 'h';

export interface DataFile {
  readonly name: string;
  readonly sequence: number;
  readonly type: FileType;
}

export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

const LINES_MAX = 1024;

/** Null: there is none. Throws `ManifestError`. */
export function readManifest(file: string): DataFile[] | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, 'code') === 'ENOENT') return null;
    throw error;
  }
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length > LINES_MAX) throw new ManifestError(`${file}: more than ${LINES_MAX} lines`);
  const files = lines.map((line, index) => readLine(file, line, index + 1));
  if (files.filter(({ type }) => type === 'b').length > 1) {
    throw new ManifestError(`${file}: more than one base`);
  }
  const increments = files.filter(({ type }) => type === 'i');
  for (const [index, { sequence }] of increments.entries()) {
    const before = increments[index - 1]?.sequence ?? 0;
    if (sequence <= before) throw new ManifestError(`${file}: increments are not in order`);
  }
  return files;
}

function readLine(file: string, line: string, number: number): DataFile {
  const words = line.trim().split(/\s+/);
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < words.length; i += 2) fields.set(words[i]!, words[i + 1]!);
  const name = fields.get('file');
  const sequence = Number(fields.get('seq'));
  const type = fields.get('type');
  const isPlain = name !== undefined && path.basename(name) === name;
  if (!isPlain || !Number.isSafeInteger(sequence) || !isFileType(type)) {
    throw new ManifestError(`${file}:${number}: not understood: ${line}`);
  }
  return { name, sequence, type };
}

function isFileType(text: string | undefined): text is FileType {
  return text === 'b' || text === 'i' || text === 'h';
}

/** In one step: whoever reads finds the old one or the new one whole. */
export function writeManifest(file: string, files: readonly DataFile[]): void {
  const text = files.map(
    ({ name, sequence, type }) => `file ${name} seq ${sequence} type ${type}\n`,
  );
  const temporary = path.join(path.dirname(file), `temp-${path.basename(file)}`);
  const handle = openSync(temporary, 'w');
  try {
    writeSync(handle, text.join(''));
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(temporary, file);
  syncFolder(path.dirname(file));
}

/** A new name in a folder is kept only when the folder is. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
