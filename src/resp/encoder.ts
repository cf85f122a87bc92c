/**
 * Values -> bytes, for clients of either protocol. RESP3's own types become for RESP2 clients what Redis
 * makes of them: a map a flat array, a set an array, a boolean 1 or 0, a double and a verbatim string bulk strings.
 */

import { ByteQueue } from '../core/bytes.ts';
import { errorLine } from './errors.ts';
import type { Protocol } from './types.ts';
import type { Value } from './value.ts';

export function encodeValue(out: ByteQueue, value: Value, protocol: Protocol): void {
  if (value === null) out.appendLatin1(protocol === 3 ? '_\r\n' : '$-1\r\n');
  else if (typeof value === 'string') encodeText(out, value);
  else if (typeof value === 'number' || typeof value === 'bigint')
    out.appendLatin1(`:${value}\r\n`);
  else if (typeof value === 'boolean') encodeBoolean(out, value, protocol);
  else if (Buffer.isBuffer(value)) encodeBulk(out, value);
  else if (Array.isArray(value)) encodeList(out, '*', value, protocol);
  else encodeTagged(out, value, protocol);
}

type Tagged = Exclude<Value, null | string | number | bigint | boolean | Buffer | Value[]>;

function encodeTagged(out: ByteQueue, value: Tagged, protocol: Protocol): void {
  if ('status' in value) out.appendLatin1(`+${value.status}\r\n`);
  else if ('error' in value) encodeError(out, value.error);
  else if ('map' in value) encodeMap(out, value.map, protocol);
  else if ('set' in value) encodeList(out, protocol === 3 ? '~' : '*', value.set, protocol);
  else if ('push' in value) encodeList(out, protocol === 3 ? '>' : '*', value.push, protocol);
  else if ('double' in value) encodeDouble(out, value.double, protocol);
  else if ('bigNumber' in value) encodeBigNumber(out, value.bigNumber, protocol);
  else if ('nullArray' in value) out.appendLatin1(protocol === 3 ? '_\r\n' : '*-1\r\n');
  else if (protocol === 2) encodeText(out, value.verbatim);
  else {
    const bytes = Buffer.from(value.verbatim);
    out.appendLatin1(`=${bytes.length + 4}\r\n${value.format}:`);
    out.append(bytes, 0, bytes.length);
    out.appendLatin1('\r\n');
  }
}

/** The bytes of a value, in memory of their own. */
export function encoded(value: Value, protocol: Protocol): Buffer {
  const out = new ByteQueue();
  encodeValue(out, value, protocol);
  const bytes = Buffer.from(out.bytes.subarray(0, out.length));
  out.clear();
  return bytes;
}

export function encodeError(out: ByteQueue, text: string): void {
  out.appendLatin1(`-${errorLine(text)}\r\n`);
}

/** The same as bytes of their own. */
export function encodeErrorLine(text: string): Buffer {
  return Buffer.from(`-${errorLine(text)}\r\n`, 'latin1');
}

/** The head of an array whose elements are appended by the caller. */
export function encodeArrayHead(out: ByteQueue, count: number): void {
  out.appendByte(0x2a);
  out.appendInteger(count);
  out.appendLatin1('\r\n');
}

export function encodeBulk(out: ByteQueue, bytes: Buffer): void {
  out.appendLatin1(`$${bytes.length}\r\n`);
  out.append(bytes, 0, bytes.length);
  out.appendLatin1('\r\n');
}

function encodeText(out: ByteQueue, text: string): void {
  encodeBulk(out, Buffer.from(text));
}

function encodeBoolean(out: ByteQueue, value: boolean, protocol: Protocol): void {
  if (protocol === 3) out.appendLatin1(value ? '#t\r\n' : '#f\r\n');
  else out.appendLatin1(value ? ':1\r\n' : ':0\r\n');
}

function encodeDouble(out: ByteQueue, value: number, protocol: Protocol): void {
  const text = String(value).replace('Infinity', 'inf').replace('NaN', 'nan');
  if (protocol === 3) out.appendLatin1(`,${text}\r\n`);
  else encodeText(out, text);
}

function encodeBigNumber(out: ByteQueue, digits: string, protocol: Protocol): void {
  if (protocol === 3) out.appendLatin1(`(${digits}\r\n`);
  else encodeText(out, digits);
}

function encodeList(
  out: ByteQueue,
  head: string,
  items: readonly Value[],
  protocol: Protocol,
): void {
  out.appendLatin1(`${head}${items.length}\r\n`);
  for (const item of items) encodeValue(out, item, protocol);
}

function encodeMap(
  out: ByteQueue,
  entries: readonly (readonly [Value, Value])[],
  protocol: Protocol,
): void {
  out.appendLatin1(protocol === 3 ? `%${entries.length}\r\n` : `*${entries.length * 2}\r\n`);
  for (const [key, value] of entries) {
    encodeValue(out, key, protocol);
    encodeValue(out, value, protocol);
  }
}
