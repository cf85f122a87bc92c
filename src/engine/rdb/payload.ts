/**
 * What DUMP gives and RESTORE takes: one value, and behind it who can read it and a checksum.
 *
 *   kind (1) | value | version of RDB (2, little-endian) | CRC-64 of all before (8)
 */
import type { Database } from '../keyspace.ts';
import { crc64 } from './crc64.ts';
import { RdbWriter } from './primitives.ts';
import { writeValue } from './write.ts';

const SUM_BYTES = 8;
const FOOTER_BYTES: number = SUM_BYTES + 2;
/** The newest that is understood: that of Redis 7.4. */
const VERSION_MAX = 12;

export function writePayload(database: Database, entry: number): Buffer {
  const writer = new RdbWriter();
  const version = writeValue(database, entry, writer);
  writer.byte(version & 0xff);
  writer.byte(version >> 8);
  const { bytes } = writer;
  writer.raw(crc64(bytes, 0, bytes.length));
  return writer.bytes;
}

/** Kind and value of a payload, a view; null: it is damaged or too new. */
export function openPayload(payload: Buffer): Buffer | null {
  const end = payload.length - FOOTER_BYTES;
  if (end < 0 || payload.readUInt16LE(end) > VERSION_MAX) return null;
  const sum = payload.length - SUM_BYTES;
  if (crc64(payload, 0, sum).compare(payload, sum) !== 0) return null;
  return payload.subarray(0, end);
}
