/**
 * Where Redis Cluster puts a key: CRC16 of the key, or of its hash tag, modulo 16384.
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model
 */

export const SLOT_COUNT = 16384;

const OPEN = 0x7b;
const CLOSE = 0x7d;

/** CRC-16/XMODEM: polynomial 0x1021, nothing reflected, starts at 0. */
const CRC_TABLE: Uint16Array = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  return crc;
});

export function crc16(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0;
  for (let index = start; index < end; index++) {
    crc = ((crc << 8) & 0xffff) ^ CRC_TABLE[(crc >>> 8) ^ bytes[index]!]!;
  }
  return crc;
}

/**
 * Start of the part of a key that decides its place: what stands between the first `{` and the first `}`
 * behind it, if that is not empty, else the whole key. `tagEnd` wants this result to find the end.
 */
export function tagStart(bytes: Uint8Array, start: number, end: number): number {
  const open = find(OPEN, bytes, start, end);
  if (open === end) return start;
  const close = find(CLOSE, bytes, open + 1, end);
  return close === end || close === open + 1 ? start : open + 1;
}

/** End of that part; `tag` is what `tagStart` gave for the same key. */
export function tagEnd(bytes: Uint8Array, start: number, end: number, tag: number): number {
  return tag === start ? end : find(CLOSE, bytes, tag, end);
}

export function slotOf(bytes: Uint8Array, start: number, end: number): number {
  const tag = tagStart(bytes, start, end);
  return crc16(bytes, tag, tagEnd(bytes, start, end, tag)) & (SLOT_COUNT - 1);
}

/** `indexOf` of a buffer searches to its end, far beyond the key; keys are short, so a loop is faster. */
function find(byte: number, bytes: Uint8Array, start: number, end: number): number {
  let index = start;
  while (index < end && bytes[index] !== byte) index++;
  return index;
}
