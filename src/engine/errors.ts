/** Errors of a server, in Redis's words; the first word is the code. */
export const WRONG_TYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value';
export const NOT_INTEGER = 'ERR value is not an integer or out of range';
export const NOT_FLOAT = 'ERR value is not a valid float';
export const SYNTAX = 'ERR syntax error';
export const NO_SUCH_KEY = 'ERR no such key';
export const OVERFLOW = 'ERR increment or decrement would overflow';
export const DECREMENT_OVERFLOW = 'ERR decrement would overflow';
export const NOT_FINITE = 'ERR increment would produce NaN or Infinity';
export const OFFSET_OUT_OF_RANGE = 'ERR offset is out of range';
export const BIT_OFFSET = 'ERR bit offset is not an integer or out of range';
export const BIT_VALUE = 'ERR bit is not an integer or out of range';
export const BIT_NOT_0_OR_1 = 'ERR The bit argument must be 1 or 0.';
export const BITFIELD_TYPE =
  'ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.';
export const NOT_HYPERLOGLOG = 'WRONGTYPE Key is not a valid HyperLogLog string value.';
export const CORRUPT_HYPERLOGLOG = 'INVALIDOBJ Corrupted HLL object detected';
export const NOT_POSITIVE = 'ERR value is out of range, must be positive';
export const OUT_OF_RANGE = 'ERR index out of range';
export const TOO_LONG = 'ERR string exceeds maximum allowed size (proto-max-bulk-len)';
export const BAD_DATABASE = 'ERR DB index is out of range';
export const SAME_OBJECTS = 'ERR source and destination objects are the same';
export const OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'.";

export function invalidExpire(name: string): string {
  return `ERR invalid expire time in '${name}' command`;
}
