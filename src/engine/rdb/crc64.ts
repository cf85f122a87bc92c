/**
 * CRC-64 as Redis computes it (polynomial of Jones, reflected), in two 32-bit halves: a table of numbers instead of big
 * integers.
 */
const POLYNOMIAL = 0x95ac9329ac4bc9b5n;
const TABLE = makeTable();

/** The checksum of `bytes[start, end)`, as eight bytes in little endian. */
export function crc64(bytes: Uint8Array, start: number, end: number): Buffer {
  let low = 0;
  let high = 0;
  for (let at = start; at < end; at++) {
    const index = ((low ^ bytes[at]!) & 0xff) * 2;
    low = ((low >>> 8) | (high << 24)) ^ TABLE[index]!;
    high = (high >>> 8) ^ TABLE[index + 1]!;
  }
  const sum = Buffer.alloc(8);
  sum.writeInt32LE(low | 0, 0);
  sum.writeInt32LE(high | 0, 4);
  return sum;
}

/** Low and high half by byte. */
function makeTable(): Int32Array {
  const table = new Int32Array(512);
  for (let byte = 0; byte < 256; byte++) {
    let value = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) {
      value = (value & 1n) === 1n ? (value >> 1n) ^ POLYNOMIAL : value >> 1n;
    }
    table[byte * 2] = Number(BigInt.asIntN(32, value));
    table[byte * 2 + 1] = Number(BigInt.asIntN(32, value >> 32n));
  }
  return table;
}
