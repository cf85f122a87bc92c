/** Streams: XINFO (https://redis.io/docs/latest/commands/xinfo-stream/). */
import type { Call, Handler } from '../call.ts';
import { NO_SUCH_KEY } from '../errors.ts';
import type { Group } from '../values/group.ts';
import { type Stream, UNKNOWN_READ } from '../values/stream.ts';
import { StreamId } from '../values/stream-id.ts';
import { StreamRange } from '../values/stream-range.ts';
import { replyHelp, wrongSubcommand } from './help.ts';
import {
  readCount,
  replyEntry,
  replyId,
  replyInteger,
  replyRange,
  streamOf,
} from './stream-arguments.ts';
import { inOrder, noGroup } from './stream-group.ts';

const HELP: readonly string[] = [
  'CONSUMERS <key> <groupname>',
  '    Show consumers of <groupname>.',
  'GROUPS <key>',
  '    Show the stream consumer groups.',
  'STREAM <key> [FULL [COUNT <count>]',
  '    Show information about the stream.',
];
/** Entries that FULL shows of the stream and of each list. */
const COUNT_DEFAULT = 10;

const FIRST_ID: StreamId = new StreamId();
const LAST_ID: StreamId = new StreamId();
LAST_ID.setMax();
const entryId: StreamId = new StreamId();
const range: StreamRange = new StreamRange();

function existing(call: Call): Stream | null {
  const entry = call.read(2);
  if (entry >= 0) return streamOf(call, entry);
  call.reply.error(NO_SUCH_KEY);
  return null;
}

function consumers(call: Call): void {
  const { reply, now } = call;
  const stream = existing(call);
  if (stream === null) return;
  const group = stream.groups.get(call.text(3));
  if (group === undefined) {
    reply.error(noGroup(call, 2, 3));
    return;
  }
  reply.array(group.consumers.size);
  for (const { name, pending, seenAt } of inOrder(group.consumers)) {
    reply.map(3);
    reply.bulkText('name');
    reply.bulkText(name);
    reply.bulkText('pending');
    reply.integer(pending.count);
    reply.bulkText('idle');
    reply.integer(Math.max(0, now - seenAt));
  }
}

function groups(call: Call): void {
  const { reply } = call;
  const stream = existing(call);
  if (stream === null) return;
  reply.array(stream.groups.size);
  for (const group of inOrder(stream.groups)) {
    reply.map(6);
    reply.bulkText('name');
    reply.bulkText(group.name);
    reply.bulkText('consumers');
    reply.integer(group.consumers.size);
    reply.bulkText('pending');
    reply.integer(group.pending.count);
    replyProgress(call, stream, group);
  }
}

function replyProgress({ reply }: Call, stream: Stream, group: Group): void {
  reply.bulkText('last-delivered-id');
  replyId(reply, group.lastId);
  reply.bulkText('entries-read');
  if (group.read === UNKNOWN_READ) reply.null();
  else replyInteger(reply, group.read);
  reply.bulkText('lag');
  const lag = group.lag(stream);
  if (lag === null) reply.null();
  else replyInteger(reply, lag);
}

function stream(call: Call): void {
  const { reply } = call;
  const found = existing(call);
  if (found === null) return;
  if (call.argc === 3) {
    reply.map(10);
    replyFigures(call, found);
    reply.bulkText('groups');
    reply.integer(found.groups.size);
    replyEdge(call, found, 'first-entry', false);
    replyEdge(call, found, 'last-entry', true);
    return;
  }
  const limit = readFull(call);
  if (limit === null) return;
  reply.map(9);
  replyFigures(call, found);
  reply.bulkText('entries');
  range.begin(found, FIRST_ID, LAST_ID, false);
  replyRange(reply, range, limit);
  reply.bulkText('groups');
  reply.array(found.groups.size);
  for (const group of inOrder(found.groups)) replyGroup(call, found, group, limit);
}

/** How much FULL is to show, 0: all; null: wrong, and the client has been told. */
function readFull(call: Call): number | null {
  const isFull = (call.argc === 4 || call.argc === 6) && call.is(3, 'full');
  if (!isFull || (call.argc === 6 && !call.is(4, 'count'))) {
    wrongSubcommand(call);
    return null;
  }
  if (call.argc === 4) return COUNT_DEFAULT;
  const count = readCount(call, 5);
  return count !== null && count < 0 ? COUNT_DEFAULT : count;
}

function replyFigures({ reply }: Call, found: Stream): void {
  reply.bulkText('length');
  reply.integer(found.size);
  reply.bulkText('radix-tree-keys');
  reply.integer(found.nodeCount);
  reply.bulkText('radix-tree-nodes');
  reply.integer(found.treeNodes);
  reply.bulkText('last-generated-id');
  replyId(reply, found.lastId);
  reply.bulkText('max-deleted-entry-id');
  replyId(reply, found.maxDeletedId);
  reply.bulkText('entries-added');
  replyInteger(reply, found.added);
  reply.bulkText('recorded-first-entry-id');
  replyId(reply, found.firstId);
}

function replyEdge({ reply }: Call, found: Stream, name: string, isLast: boolean): void {
  reply.bulkText(name);
  range.begin(found, FIRST_ID, LAST_ID, isLast);
  if (range.next()) replyEntry(reply, range);
  else reply.null();
}

function replyGroup(call: Call, found: Stream, group: Group, limit: number): void {
  const { reply } = call;
  reply.map(7);
  reply.bulkText('name');
  reply.bulkText(group.name);
  replyProgress(call, found, group);
  replyPendingOf(call, group);
  const place = reply.openArray();
  let count = 0;
  const { pending } = group;
  for (let is = pending.first(); is && (limit === 0 || count < limit); is = pending.next()) {
    pending.readId(entryId);
    count++;
    reply.array(4);
    replyId(reply, entryId);
    reply.bulkText(group.owner?.name ?? '');
    replyDelivery(call, group);
  }
  reply.closeArray(place, count);
  reply.bulkText('consumers');
  reply.array(group.consumers.size);
  for (const consumer of inOrder(group.consumers)) {
    reply.map(4);
    reply.bulkText('name');
    reply.bulkText(consumer.name);
    reply.bulkText('seen-time');
    reply.integer(consumer.seenAt);
    replyPendingOf(call, consumer);
    replyConsumerPending(call, group, consumer.pending, limit);
  }
}

function replyPendingOf({ reply }: Call, { pending }: Pick<Group, 'pending'>): void {
  reply.bulkText('pel-count');
  reply.integer(pending.count);
  reply.bulkText('pending');
}

function replyConsumerPending(
  call: Call,
  group: Group,
  pending: Group['pending'],
  limit: number,
): void {
  const { reply } = call;
  const place = reply.openArray();
  let count = 0;
  for (let is = pending.first(); is && (limit === 0 || count < limit); is = pending.next()) {
    pending.readId(entryId);
    count++;
    group.find(entryId);
    reply.array(3);
    replyId(reply, entryId);
    replyDelivery(call, group);
  }
  reply.closeArray(place, count);
}

/** Of the entry that the group stands at. */
function replyDelivery({ reply }: Call, group: Group): void {
  reply.integer(group.deliveredAt);
  replyInteger(reply, BigInt.asIntN(64, BigInt(group.deliveries)));
}

function help(call: Call): void {
  replyHelp(call.reply, 'XINFO', HELP);
}

export const STREAM_INFO_COMMANDS: Readonly<Record<string, Handler>> = {
  'xinfo|stream': stream,
  'xinfo|groups': groups,
  'xinfo|consumers': consumers,
  'xinfo|help': help,
};
