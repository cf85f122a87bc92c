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
