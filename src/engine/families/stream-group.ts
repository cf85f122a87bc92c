/** Streams: groups and what they have not confirmed (https://redis.io/docs/latest/commands/xgroup/). */
import { type Call, type Handler, Notify } from '../call.ts';
import { SYNTAX } from '../errors.ts';
import { Group } from '../values/group.ts';
import { Stream, UNKNOWN_READ } from '../values/stream.ts';
import { compareIds, StreamId } from '../values/stream-id.ts';
import { replyHelp, wrongSubcommand } from './help.ts';
import {
  checkIds,
  formOfId,
  readCount,
  readEnd,
  readId,
  readInteger,
  readStart,
  replyId,
  replyInteger,
  shown,
  streamOf,
} from './stream-arguments.ts';

const READ_NEGATIVE = 'ERR value for ENTRIESREAD must be positive or -1';
const KEY_MISSING =
  'ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.';
const GROUP_THERE = 'BUSYGROUP Consumer Group name already exists';

const HELP: readonly string[] = [
  'CREATE <key> <groupname> <id|$> [option]',
  '    Create a new consumer group. Options are:',
  '    * MKSTREAM',
  '      Create the empty stream if it does not exist.',
  '    * ENTRIESREAD entries_read',
  "      Set the group's entries_read counter (internal use).",
  'CREATECONSUMER <key> <groupname> <consumer>',
  '    Create a new consumer in the specified group.',
  'DELCONSUMER <key> <groupname> <consumer>',
  '    Remove the specified consumer.',
  'DESTROY <key> <groupname>',
  '    Remove the specified group.',
  'SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]',
  '    Set the current group ID and entries_read counter.',
];

const id: StreamId = new StreamId();
const endId: StreamId = new StreamId();
const entryId: StreamId = new StreamId();

/** What CREATE and SETID were told behind the id. */
const options = { makesStream: false, read: UNKNOWN_READ as number | bigint };

function readOptions(call: Call, creates: boolean): boolean {
  options.makesStream = false;
  options.read = UNKNOWN_READ;
  for (let i = 5; i < call.argc; ) {
    if (creates && call.is(i, 'mkstream')) {
      options.makesStream = true;
      i++;
    } else if (i + 1 < call.argc && call.is(i, 'entriesread')) {
      const read = readInteger(call, i + 1);
      if (read === null) return false;
      if (read < 0 && read !== UNKNOWN_READ) {
        call.reply.error(READ_NEGATIVE);
        return false;
      }
      options.read = read;
      i += 2;
    } else {
      wrongSubcommand(call);
      return false;
    }
  }
  return true;
}

/** The stream at argument 2, which must be there; null: the client has been told. */
function existing(call: Call): Stream | null {
  const entry = call.write(2);
  if (entry >= 0) return streamOf(call, entry);
  call.reply.error(KEY_MISSING);
  return null;
}

/** The same, and its group at argument 3. */
function existingGroup(call: Call): Group | null {
  const stream = existing(call);
  if (stream === null) return null;
  const group = stream.groups.get(call.text(3));
  if (group === undefined) call.reply.error(noGroup(call, 2, 3));
  return group ?? null;
}

/** Of commands that name the group only after they have found the key. */
export function noGroup(call: Call, key: number, group: number): string {
  return `NOGROUP No such consumer group '${shown(call, group)}' for key name '${shown(call, key)}'`;
}

function create(call: Call): void {
  if (!readOptions(call, true)) return;
  const { reply, db } = call;
  const entry = call.write(2);
  if (entry < 0 && !options.makesStream) {
    reply.error(KEY_MISSING);
    return;
  }
  let stream = entry < 0 ? null : streamOf(call, entry);
  if (entry >= 0 && stream === null) return;
  if (call.argc > 8) {
    wrongSubcommand(call);
    return;
  }
  if (!readGroupId(call, stream)) return;
  if (stream === null) {
    stream = new Stream(call.engine.arena);
    db.addObject(call.bytes, call.start(2), call.end(2), stream);
    db.changed(call.bytes, call.start(2), call.end(2));
  }
  const name = call.text(3);
  if (stream.groups.has(name)) {
    reply.error(GROUP_THERE);
    return;
  }
  stream.groups.set(name, new Group(name, id, options.read));
  reply.ok();
  call.altered(2, Notify.stream, 'xgroup-create');
}

/** The id at argument 4, or the last one of the stream for `$`. */
function readGroupId(call: Call, stream: Stream | null): boolean {
  if (call.length(4) !== 1 || call.text(4) !== '$') return readId(call, 4, id);
  if (stream === null) id.clear();
  else id.copy(stream.lastId);
  return true;
}

function setId(call: Call): void {
  if (!readOptions(call, false)) return;
  const group = existingGroup(call);
  if (group === null) return;
  if (call.argc !== 5 && call.argc !== 7) {
    wrongSubcommand(call);
    return;
  }
  const object = call.db.objectOf(call.write(2));
  const stream = object instanceof Stream ? object : null;
  // Where a group begins, `-` and `+` are ids as well.
  if (call.length(4) === 1 && '-+'.includes(call.text(4))) {
    if (call.text(4) === '-') id.clear();
    else id.setMax();
  } else if (!readGroupId(call, stream)) return;
  group.lastId.copy(id);
  group.read = options.read;
  call.reply.ok();
  call.altered(2, Notify.stream, 'xgroup-setid');
}

function destroy(call: Call): void {
  const stream = existing(call);
  if (stream === null) return;
  const isGone = stream.groups.delete(call.text(3));
  call.reply.integer(isGone ? 1 : 0);
  if (!isGone) return;
  call.altered(2, Notify.stream, 'xgroup-destroy');
  // Whoever waits for it has to be told.
  call.engine.blocked.onChanged(call.db, call.bytes, call.start(2), call.end(2));
}

function createConsumer(call: Call): void {
  const group = existingGroup(call);
  if (group === null) return;
  const name = call.text(4);
  if (group.consumers.has(name)) {
    call.reply.integer(0);
    return;
  }
  group.addConsumer(name, call.now);
  call.reply.integer(1);
  call.altered(2, Notify.stream, 'xgroup-createconsumer');
}

function deleteConsumer(call: Call): void {
  const group = existingGroup(call);
  if (group === null) return;
  const consumer = group.consumers.get(call.text(4));
  call.reply.integer(consumer === undefined ? 0 : group.removeConsumer(consumer));
  if (consumer !== undefined) call.altered(2, Notify.stream, 'xgroup-delconsumer');
}

function xack(call: Call): void {
  const { reply } = call;
  const entry = call.read(1);
  const stream = entry < 0 ? null : streamOf(call, entry);
  if (entry >= 0 && stream === null) return;
  const group = stream?.groups.get(call.text(2));
  if (group === undefined) {
    reply.integer(0);
    return;
  }
  if (!checkIds(call, 3, id)) return;
  let confirmed = 0;
  for (let i = 3; i < call.argc; i++) {
    formOfId(call, i, id);
    if (!group.confirm(id)) continue;
    confirmed++;
    call.altered(1, Notify.stream, null);
  }
  reply.integer(confirmed);
}

/** What XPENDING was told; -1: no consumer is named. */
const filter = { idleMs: 0, limit: 0, consumer: -1 };

function xpending(call: Call): void {
  const { reply, argc } = call;
  if (argc !== 3 && (argc < 6 || argc > 9)) {
    reply.error(SYNTAX);
    return;
  }
  if (argc > 3 && !readFilter(call)) return;
  const group = groupOf(call, call.read(1));
  if (group === null) return;
  if (argc === 3) replySummary(call, group);
  else replyPending(call, group);
}

/** The group at argument 2 of the key's entry; null: the client has been told that there is none. */
export function groupOf(call: Call, entry: number): Group | null {
  const stream = entry < 0 ? null : streamOf(call, entry);
  if (entry >= 0 && stream === null) return null;
  const group = stream?.groups.get(call.text(2));
  if (group !== undefined) return group;
  const text = `No such key '${shown(call, 1)}' or consumer group '${shown(call, 2)}'`;
  call.reply.error(`NOGROUP ${text}`);
  return null;
}

function readFilter(call: Call): boolean {
  filter.idleMs = 0;
  let at = 3;
  if (call.is(3, 'idle')) {
    const idle = readCount(call, 4);
    if (idle === null) return false;
    if (call.argc < 8) {
      call.reply.error(SYNTAX);
      return false;
    }
    filter.idleMs = idle;
    at = 5;
  }
  const limit = readCount(call, at + 2);
  if (limit === null) return false;
  filter.limit = Math.max(0, limit);
  if (!readStart(call, at, id) || !readEnd(call, at + 1, endId)) return false;
  filter.consumer = at + 3 < call.argc ? at + 3 : -1;
  return true;
}

/** How many, from which id to which, and how many each consumer has. */
function replySummary({ reply }: Call, { pending, consumers }: Group): void {
  reply.array(4);
  reply.integer(pending.count);
  if (!pending.first()) {
    reply.null();
    reply.null();
    reply.nullArray();
    return;
  }
  pending.readId(entryId);
  replyId(reply, entryId);
  pending.last();
  pending.readId(entryId);
  replyId(reply, entryId);
  const busy = inOrder(consumers).filter((consumer) => consumer.pending.count > 0);
  reply.array(busy.length);
  for (const consumer of busy) {
    reply.array(2);
    reply.bulkText(consumer.name);
    reply.bulkInteger(consumer.pending.count);
  }
}

/** In the order of their names, byte by byte. */
export function inOrder<T extends { readonly name: string }>(all: ReadonlyMap<string, T>): T[] {
  return [...all.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function replyPending(call: Call, group: Group): void {
  const { reply } = call;
  const consumer =
    filter.consumer < 0 ? undefined : group.consumers.get(call.text(filter.consumer));
  if (filter.consumer >= 0 && consumer === undefined) {
    reply.array(0);
    return;
  }
  const pending = consumer?.pending ?? group.pending;
  const place = reply.openArray();
  let count = 0;
  let is = filter.limit > 0 && pending.seek(id);
  while (is && count < filter.limit) {
    pending.readId(entryId);
    if (compareIds(entryId, endId) > 0) break;
    if (consumer !== undefined) group.find(entryId);
    if (filter.idleMs === 0 || call.now - group.deliveredAt >= filter.idleMs) {
      replyRecord(call, group);
      count++;
    }
    is = pending.next();
  }
  reply.closeArray(place, count);
}

/** The entry `entryId`, which `group` stands at. */
function replyRecord({ reply, now }: Call, group: Group): void {
  reply.array(4);
  replyId(reply, entryId);
  reply.bulkText(group.owner?.name ?? '');
  reply.integer(Math.max(0, now - group.deliveredAt));
  replyInteger(reply, BigInt.asIntN(64, BigInt(group.deliveries)));
}

function help(call: Call): void {
  replyHelp(call.reply, 'XGROUP', HELP);
}

export const STREAM_GROUP_COMMANDS: Readonly<Record<string, Handler>> = {
  'xgroup|create': create,
  'xgroup|setid': setId,
  'xgroup|destroy': destroy,
  'xgroup|createconsumer': createConsumer,
  'xgroup|delconsumer': deleteConsumer,
  'xgroup|help': help,
  xack,
  xpending,
};
