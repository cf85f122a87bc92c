/**
 * What a configuration refers to outside itself: environment variables and files. The schema is built
 * around one of these, so that a relative path means "beside the file that names it" and the generator
 * of the documentation can build it around nothing.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

export interface Resources {
  /** Absolute: where relative paths start. */
  readonly folder: string;
  environment(name: string): string | undefined;
  /** Throws as `readFileSync` does. */
  readText(path: string): string;
}

export function systemResources(folder: string): Resources {
  return {
    folder: resolve(folder),
    environment: (name) => process.env[name],
    readText: (path) => readFileSync(path, 'utf8'),
  };
}

/** What went wrong with a file, in words: `no such file`. Other errors keep their own message. */
export function fileProblem(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return 'no such file';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EISDIR':
      return 'is a folder, not a file';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
