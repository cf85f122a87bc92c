/** Streams as an RDB has them: nodes as they are, then what is known of the whole, then groups. */
import type { Consumer, Group } from '../values/group.ts';
import type { Pending } from '../values/pending.ts';
import type { Stream } from '../values/stream.ts';
import { joined, StreamId } from '../values/stream-id.ts';
import type { RdbWriter } from './primitives.ts';

const ID_BYTES = 16;

const id: StreamId = new StreamId();
const idBytes: Buffer = Buffer.alloc(ID_BYTES);

export function writeStream(stream: Stream, writer: RdbWriter): void {
  writer.length(stream.nodeCount);
  for (let i = 0; i < stream.nodeCount; i++) {
    const { first, pack } = stream.nodeAt(i)!;
    writer.length(ID_BYTES);
    writeRawId(first, writer);
    writer.string(pack.view());
  }
  writer.length(stream.size);
  writeId(stream.lastId, writer);
  writeId(stream.firstId, writer);
  writeId(stream.maxDeletedId, writer);
  writeWide(stream.added, writer);
  writer.length(stream.groups.size);
  for (const group of inOrder(stream.groups)) writeGroup(group, writer);
}

function writeGroup(group: Group, writer: RdbWriter): void {
  const { pending } = group;
  writer.string(Buffer.from(group.name, 'latin1'));
  writeId(group.lastId, writer);
  writeWide(group.read, writer);
  writer.length(pending.count);
  for (let is = pending.first(); is; is = pending.next()) {
    pending.readId(id);
    writeRawId(id, writer);
    writer.time(group.deliveredAt);
    writeWide(group.deliveries, writer);
  }
  writer.length(group.consumers.size);
  for (const consumer of inOrder(group.consumers)) writeConsumer(consumer, writer);
}

function writeConsumer({ name, seenAt, pending }: Consumer, writer: RdbWriter): void {
  writer.string(Buffer.from(name, 'latin1'));
  writer.time(seenAt);
  writeIds(pending, writer);
}

function writeIds(pending: Pending, writer: RdbWriter): void {
  writer.length(pending.count);
  for (let is = pending.first(); is; is = pending.next()) {
    pending.readId(id);
    writeRawId(id, writer);
  }
}

/** Sixteen bytes that sort as ids do. */
function writeRawId({ msHigh, msLow, seqHigh, seqLow }: StreamId, writer: RdbWriter): void {
  idBytes.writeUInt32BE(msHigh, 0);
  idBytes.writeUInt32BE(msLow, 4);
  idBytes.writeUInt32BE(seqHigh, 8);
  idBytes.writeUInt32BE(seqLow, 12);
  writer.raw(idBytes);
}

function writeId({ msHigh, msLow, seqHigh, seqLow }: StreamId, writer: RdbWriter): void {
  writeWide(joined(msHigh, msLow), writer);
  writeWide(joined(seqHigh, seqLow), writer);
}

/** A number of 64 bits, a negative one as what its bits are without a sign. */
function writeWide(value: number | bigint, writer: RdbWriter): void {
  if (typeof value === 'number' && value >= 0) writer.length(value);
  else writer.bigLength(BigInt.asUintN(64, BigInt(value)));
}

/** By name, as a server has them. */
function inOrder<T extends { readonly name: string }>(all: ReadonlyMap<string, T>): T[] {
  return [...all.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
