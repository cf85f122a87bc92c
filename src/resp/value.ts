/**
 * Values of RESP, decoded: for what is answered here and for what is asked on our own account.
 * Replies that only pass through never become values.
 */

/** A bulk string is a Buffer, or text where it is known to be text. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Buffer
  | Value[]
  | { readonly status: string }
  | { readonly error: string }
  | { readonly double: number }
  | { readonly bigNumber: string }
  | { readonly verbatim: string; readonly format: 'txt' | 'mkd' }
  | { readonly map: readonly (readonly [Value, Value])[] }
  | { readonly set: readonly Value[] }
  | { readonly push: readonly Value[] }
  | { readonly nullArray: true };

export const OK: Value = { status: 'OK' };

/** RESP2 has two nulls: `*-1` where an array was expected, `$-1` else. RESP3 has one. */
export const NULL_ARRAY: Value = { nullArray: true };

export function status(text: string): Value {
  return { status: text };
}

export function error(text: string): Value {
  return { error: text };
}

export function isError(value: Value): boolean {
  return typeof value === 'object' && value !== null && 'error' in value;
}

/** The plainest form of an integer: `bigint` only beyond 2^53. */
export function asInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Text of any kind of string; null: the value is none. Bulk strings are read as UTF-8. */
export function textOf(value: Value): string | null {
  if (typeof value === 'string') return value;
  if (Buffer.isBuffer(value)) return value.toString();
  if (typeof value !== 'object' || value === null) return null;
  if ('status' in value) return value.status;
  return 'verbatim' in value ? value.verbatim : null;
}

/** A map, or the flat array that RESP2 has for one; null: neither. */
export function pairsOf(value: Value): (readonly [Value, Value])[] | null {
  if (Array.isArray(value)) {
    if (value.length % 2 !== 0) return null;
    return Array.from({ length: value.length / 2 }, (_, at) => [
      value[at * 2]!,
      value[at * 2 + 1]!,
    ]);
  }
  // A Buffer has a method of that name.
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return null;
  return 'map' in value ? [...value.map] : null;
}
