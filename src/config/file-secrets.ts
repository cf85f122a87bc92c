/**
 * Secrets in files are exchanged there while they are in use, so what they say is no part of a configuration:
 * only which files they stand in is.
 */
import type { SecretConfig } from './config.ts';

/** The same value without what files said when it was read: for comparing. */
export function withoutFileTexts(value: unknown): unknown {
  if (isFileSecret(value)) return { file: value.file };
  if (Array.isArray(value)) return value.map(withoutFileTexts);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, withoutFileTexts(inner)]),
  );
}

/** The files that secrets stand in, wherever in `value`. */
export function secretFilesIn(value: unknown): string[] {
  if (isFileSecret(value)) return [value.file];
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap(secretFilesIn);
}

function isFileSecret(value: unknown): value is SecretConfig & { readonly file: string } {
  if (value === null || typeof value !== 'object') return false;
  return 'text' in value && 'file' in value && typeof value.file === 'string';
}
