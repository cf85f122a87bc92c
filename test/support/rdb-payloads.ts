/** Payloads of RESTORE in forms that no server here writes any more, or not yet; texts have one character per byte. */
import { crc64 } from '../../src/engine/rdb/crc64.ts';
import { RdbWriter } from '../../src/engine/rdb/primitives.ts';

const VERSION = 10;

/** The value with its footer. */
export function payloadOf(value: Uint8Array, version: number = VERSION): string {
  const body = Buffer.concat([value, Buffer.from([version & 0xff, version >> 8])]);
  return Buffer.concat([body, crc64(body, 0, body.length)]).toString('latin1');
}

/** The value without its footer. */
export function bodyOf(payload: string): Buffer {
  return Buffer.from(payload.slice(0, -10), 'latin1');
}

/** A value of this kind as `write` writes it. */
export function rdbValue(kind: number, write: (writer: RdbWriter) => void): Buffer {
  const writer = new RdbWriter();
  writer.byte(kind);
  write(writer);
  return Buffer.from(writer.bytes);
}

export function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** Integers as integers, in every width there is. */
export function ziplist(elements: readonly string[]): Buffer {
  const parts: Buffer[] = [];
  let before = 0;
  let tail = 10;
  let at = 10;
  for (const element of elements) {
    const part = Buffer.concat([sizeBefore(before), ziplistEntry(element)]);
    tail = at;
    at += part.length;
    before = part.length;
    parts.push(part);
  }
  const head = Buffer.alloc(10);
  head.writeUInt32LE(at + 1, 0);
  head.writeUInt32LE(tail, 4);
  head.writeUInt16LE(elements.length, 8);
  return Buffer.concat([head, ...parts, Buffer.from([0xff])]);
}

function sizeBefore(size: number): Buffer {
  if (size < 254) return Buffer.from([size]);
  const bytes = Buffer.alloc(5, 254);
  bytes.writeUInt32LE(size, 1);
  return bytes;
}

function ziplistEntry(element: string): Buffer {
  const isInteger = /^(?:0|-?[1-9]\d{0,17})$/.test(element);
  return isInteger ? ziplistInteger(BigInt(element)) : ziplistText(latin1(element));
}

function ziplistInteger(value: bigint): Buffer {
  if (value >= 0n && value <= 12n) return Buffer.from([0xf1 + Number(value)]);
  const widths: readonly [number, number][] = [
    [0xfe, 1],
    [0xc0, 2],
    [0xf0, 3],
    [0xd0, 4],
  ];
  for (const [head, width] of widths) {
    if (BigInt.asIntN(width * 8, value) !== value) continue;
    const bytes = Buffer.alloc(width + 1, head);
    bytes.writeIntLE(Number(value), 1, width);
    return bytes;
  }
  const bytes = Buffer.alloc(9, 0xe0);
  bytes.writeBigInt64LE(value, 1);
  return bytes;
}

function ziplistText(text: Buffer): Buffer {
  if (text.length < 64) return Buffer.concat([Buffer.from([text.length]), text]);
  if (text.length < 16_384) {
    return Buffer.concat([Buffer.from([0x40 | (text.length >> 8), text.length & 0xff]), text]);
  }
  const head = Buffer.alloc(5, 0x80);
  head.writeUInt32BE(text.length, 1);
  return Buffer.concat([head, text]);
}

/** Behind each value `room` bytes that are of no use. */
export function zipmap(elements: readonly string[], room = 0): Buffer {
  const parts = elements.map((element, index) => {
    const text = latin1(element);
    const isValue = index % 2 === 1;
    return Buffer.concat([
      zipmapLength(text.length),
      Buffer.from(isValue ? [room] : []),
      text,
      Buffer.alloc(isValue ? room : 0),
    ]);
  });
  const count = Math.min(254, elements.length / 2);
  return Buffer.concat([Buffer.from([count]), ...parts, Buffer.from([0xff])]);
}

function zipmapLength(length: number): Buffer {
  if (length < 254) return Buffer.from([length]);
  const bytes = Buffer.alloc(5, 254);
  bytes.writeUInt32LE(length, 1);
  return bytes;
}
