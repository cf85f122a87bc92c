/** Streams: reading what is new, for oneself or as one of a group (https://redis.io/docs/latest/commands/xread/). */
import { Command } from '../../commands/command.ts';
import { type Call, type Handler, Notify } from '../call.ts';
import { SYNTAX, WRONG_TYPE } from '../errors.ts';
import { Kind } from '../types.ts';
import type { Consumer, Group } from '../values/group.ts';
import { Stream } from '../values/stream.ts';
import { compareIds, StreamId } from '../values/stream-id.ts';
import { StreamRange } from '../values/stream-range.ts';
import {
  readCount,
  readId,
  readInteger,
  replyEntry,
  replyId,
  replyRange,
  shown,
  streamOf,
} from './stream-arguments.ts';
import {
  writeClaim,
  writeConsumer,
  writeGroupId,
  writeOnlyRewritten,
} from './stream-propagation.ts';

const GROUP_IN_XREAD =
  'ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.';
const NOACK_IN_XREAD =
  'ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.';
const GROUP_MISSING = 'ERR Missing GROUP option for XREADGROUP';
const DOLLAR_IN_GROUP =
  'ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.';
const PLUS_IN_GROUP =
  'ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would just return an empty result set.';
const NEW_IN_XREAD =
  'ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.';
const TIMEOUT_NO_INTEGER = 'ERR timeout is not an integer or out of range';
const TIMEOUT_NEGATIVE = 'ERR timeout is negative';
const TIMEOUT_TOO_LONG = 'ERR timeout is out of range';
const GROUP_GONE = 'NOGROUP the consumer group this client was blocked on no longer exists';
const STREAM_GONE = 'UNBLOCKED the stream key no longer exists';
const INT64_MAX = 2n ** 63n - 1n;

/** What a reading command was told; filled anew for each. */
const options = {
  /** -1: it does not wait. */
  timeoutMs: -1,
  /** 0: any number. */
  limit: 0,
  /** The first key, and how many keys there are. */
  keys: 0,
  count: 0,
  /** Argument that names the group; 0: none. */
  group: 0,
  acknowledges: false,
};

const afterId: StreamId = new StreamId();
const entryId: StreamId = new StreamId();
const LAST_ID: StreamId = new StreamId();
LAST_ID.setMax();
const range: StreamRange = new StreamRange();

function xread(call: Call): void {
  if (!readOptions(call, false) || !checkStreams(call)) return;
  const { reply } = call;
  const place = reply.openArray();
  let served = 0;
  for (let i = 0; i < options.count; i++) if (serveStream(call, options.keys + i)) served++;
  if (served > 0) reply.closePairs(place, served);
  else finishEmpty(call);
}

function xreadgroup(call: Call): void {
  if (!readOptions(call, true) || !checkStreams(call)) return;
  const { reply } = call;
  const place = reply.openArray();
  let served = 0;
  for (let i = 0; i < options.count; i++) if (serveGroup(call, options.keys + i)) served++;
  if (served > 0 || call.dirty > 0) writeOnlyRewritten(call);
  if (served > 0) reply.closePairs(place, served);
  else finishEmpty(call);
}

/** False: wrong, and the client has been told. */
function readOptions(call: Call, isGroup: boolean): boolean {
  options.timeoutMs = -1;
  options.limit = 0;
  options.keys = 0;
  options.group = 0;
  options.acknowledges = true;
  for (let i = 1; i < call.argc && options.keys === 0; ) {
    i = readOption(call, i, isGroup);
    if (i < 0) return false;
  }
  if (options.keys === 0) return refuse(call, SYNTAX);
  if (isGroup && options.group === 0) return refuse(call, GROUP_MISSING);
  return true;
}

/** Where the next option is; -1: wrong. */
function readOption(call: Call, at: number, isGroup: boolean): number {
  const more = call.argc - at - 1;
  if (more > 0 && call.is(at, 'block')) return readBlock(call, at + 1) ? at + 2 : -1;
  if (more > 0 && call.is(at, 'count')) {
    const count = readCount(call, at + 1);
    if (count === null) return -1;
    options.limit = Math.max(0, count);
    return at + 2;
  }
  if (more > 0 && call.is(at, 'streams')) return readStreams(call, at + 1, isGroup) ? at + 1 : -1;
  if (more > 1 && call.is(at, 'group')) {
    if (!isGroup) return refuse(call, GROUP_IN_XREAD) ? 0 : -1;
    options.group = at + 1;
    return at + 3;
  }
  if (call.is(at, 'noack')) {
    if (!isGroup) return refuse(call, NOACK_IN_XREAD) ? 0 : -1;
    options.acknowledges = false;
    return at + 1;
  }
  return refuse(call, SYNTAX) ? 0 : -1;
}

function readBlock(call: Call, at: number): boolean {
  const ms = readInteger(call, at, TIMEOUT_NO_INTEGER);
  if (ms === null) return false;
  if (ms < 0) return refuse(call, TIMEOUT_NEGATIVE);
  if (BigInt(ms) > INT64_MAX - BigInt(call.now)) return refuse(call, TIMEOUT_TOO_LONG);
  options.timeoutMs = Number(ms);
  return true;
}

function readStreams(call: Call, at: number, isGroup: boolean): boolean {
  const left = call.argc - at;
  if (left % 2 !== 0) {
    const special = isGroup ? '>' : '$';
    const name = call.command.spec.name.toUpperCase();
    const text = `Unbalanced ${name} list of streams: for each stream key an ID or '${special}' must be specified.`;
    return refuse(call, `ERR ${text}`);
  }
  options.keys = at;
  options.count = left / 2;
  return true;
}

function refuse(call: Call, error: string): false {
  call.reply.error(error);
  return false;
}

/** Every key, group and id, before anything is read. */
function checkStreams(call: Call): boolean {
  for (let key = options.keys; key < options.keys + options.count; key++) {
    const entry = call.read(key);
    const isStream = entry >= 0 && call.db.kindOf(entry) === Kind.stream;
    if (!isStream && call.servedKey !== null && options.group !== 0)
      return refuse(call, STREAM_GONE);
    if (entry >= 0 && !isStream) return refuse(call, WRONG_TYPE);
    if (options.group !== 0 && groupAt(call, entry) === undefined) {
      if (call.servedKey !== null) return refuse(call, GROUP_GONE);
      const name = shown(call, options.group);
      const text = `No such key '${shown(call, key)}' or consumer group '${name}'`;
      return refuse(call, `NOGROUP ${text} in XREADGROUP with GROUP option`);
    }
    if (!checkId(call, key + options.count)) return false;
  }
  return true;
}

function checkId(call: Call, at: number): boolean {
  const isGroup = options.group !== 0;
  if (isChar(call, at, '$')) return isGroup ? refuse(call, DOLLAR_IN_GROUP) : true;
  if (isChar(call, at, '+')) return isGroup ? refuse(call, PLUS_IN_GROUP) : true;
  if (isChar(call, at, '>')) return isGroup ? true : refuse(call, NEW_IN_XREAD);
  return readId(call, at, afterId);
}

function isChar(call: Call, index: number, char: string): boolean {
  return call.length(index) === 1 && call.bytes[call.start(index)] === char.charCodeAt(0);
}

function groupAt(call: Call, entry: number): Group | undefined {
  const stream = entry < 0 ? null : call.db.objectOf(entry);
  return stream instanceof Stream ? stream.groups.get(call.text(options.group)) : undefined;
}

/** The stream at an argument that `checkStreams` has seen; null: no key is there. As in Redis it is a second hit. */
function streamAt(call: Call, key: number): Stream | null {
  const entry = call.read(key);
  return entry < 0 ? null : streamOf(call, entry);
}

/** Replies what comes after an id, if anything does. */
function serveStream(call: Call, key: number): boolean {
  const stream = streamAt(call, key);
  if (stream === null || stream.size === 0) return false;
  readAfter(call, key + options.count, stream, afterId);
  stream.lastLiveId(entryId);
  if (compareIds(entryId, afterId) <= 0) return false;
  afterId.increment();
  beginStream(call, key);
  range.begin(stream, afterId, LAST_ID, false);
  replyRange(call.reply, range, options.limit);
  return true;
}

/** The id that a reader has seen last; `$`: all that is there, `+`: all but the last one. */
function readAfter(call: Call, at: number, stream: Stream | null, id: StreamId): void {
  if (isChar(call, at, '$')) {
    if (stream === null) id.clear();
    else id.copy(stream.lastId);
  } else if (isChar(call, at, '+')) {
    id.clear();
    if (stream === null || stream.size === 0) return;
    stream.lastLiveId(id);
    id.decrement();
  } else readId(call, at, id);
}

/** The key, in front of its entries; in RESP3 the two are a pair of a map. */
function beginStream(call: Call, key: number): void {
  const { reply } = call;
  if (reply.protocol === 2) reply.array(2);
  reply.bulk(call.bytes, call.start(key), call.end(key));
}

/** The same as one of a group: what nobody of it got yet, or what this consumer has not confirmed. */
function serveGroup(call: Call, key: number): boolean {
  const stream = streamAt(call, key);
  const group = stream?.groups.get(call.text(options.group));
  if (stream === null || group === undefined) return false;
  const isNew = isChar(call, key + options.count, '>');
  if (!isNew) readId(call, key + options.count, afterId);
  // The greatest id stands for new ones as well.
  const isHistory = !isNew && !afterId.isMax;
  let serves = isHistory;
  if (!isHistory && stream.size > 0) {
    stream.lastLiveId(entryId);
    serves = compareIds(entryId, group.lastId) > 0;
    afterId.copy(group.lastId);
  }
  if (!serves) return false;
  const consumer = consumerOf(call, key, group);
  beginStream(call, key);
  afterId.increment();
  if (isHistory) replyHistory(call, stream, group, consumer);
  else replyNew(call, key, stream, group, consumer);
  call.altered(key, Notify.stream, null);
  return true;
}

function consumerOf(call: Call, key: number, group: Group): Consumer {
  const name = call.text(options.group + 1);
  const found = group.consumers.get(name);
  if (found !== undefined) {
    found.seenAt = call.now;
    return found;
  }
  const made = group.addConsumer(name, call.now);
  call.altered(key, Notify.stream, 'xgroup-createconsumer');
  if (!options.acknowledges) writeConsumer(call, key, group, name);
  return made;
}

function replyHistory(call: Call, stream: Stream, group: Group, consumer: Consumer): void {
  const { reply } = call;
  const { limit } = options;
  const place = reply.openArray();
  const { pending } = consumer;
  let count = 0;
  for (let is = pending.seek(afterId); is && (limit === 0 || count < limit); is = pending.next()) {
    pending.readId(entryId);
    count++;
    range.begin(stream, entryId, entryId, false);
    if (range.next()) {
      replyEntry(reply, range);
      group.find(entryId);
      group.deliveredAt = call.now;
      group.countDelivery();
    } else {
      reply.array(2);
      replyId(reply, entryId);
      reply.nullArray();
    }
  }
  reply.closeArray(place, count);
}

function replyNew(call: Call, key: number, stream: Stream, group: Group, consumer: Consumer): void {
  const { reply } = call;
  const { limit } = options;
  const place = reply.openArray();
  range.begin(stream, afterId, LAST_ID, false);
  const { id } = range.entry;
  let count = 0;
  let advances = false;
  while ((limit === 0 || count < limit) && range.next()) {
    count++;
    if (group.advance(stream, id)) advances = true;
    replyEntry(reply, range);
    if (!options.acknowledges) continue;
    if (!group.find(id)) group.add(id, call.now);
    group.assign(id, consumer);
    group.deliveredAt = call.now;
    group.deliveries = 1;
    writeClaim(call, key, group, id, 0);
  }
  if (advances) writeGroupId(call, key, group);
  reply.closeArray(place, count);
}

/** Nothing is there: the client waits, if it wants to. */
function finishEmpty(call: Call): void {
  const { reply } = call;
  if (options.timeoutMs < 0) {
    reply.nullArray();
    return;
  }
  call.wait({
    firstKey: options.keys,
    lastKey: options.keys + options.count - 1,
    kind: Kind.stream,
    timeoutMs: options.timeoutMs,
    nothing: 'array',
    command: withFixedIds(call),
    ...(options.group === 0 ? {} : { gone: STREAM_GONE }),
  });
}

/** The command with the ids that `$` means now, not when it is run again. */
function withFixedIds(call: Call): Command {
  const { command } = call;
  const ids = options.keys + options.count;
  const words: Buffer[] = [];
  let isFixed = true;
  for (let i = 0; i < call.argc; i++) {
    const isLast = i >= ids && isChar(call, i, '$');
    if (isLast) {
      isFixed = false;
      const key = i - options.count;
      const entry = call.db.find(call.bytes, call.start(key), call.end(key));
      readAfter(call, i, entry < 0 ? null : streamOf(call, entry), afterId);
    }
    words.push(isLast ? Buffer.from(afterId.text, 'latin1') : command.arg(i));
  }
  if (isFixed) return command.copy();
  const fixed = new Command(command.spec, Buffer.alloc(0));
  fixed.fill(words);
  fixed.database = command.database;
  fixed.protocol = command.protocol;
  fixed.affinity = command.affinity;
  return fixed;
}

export const STREAM_READ_COMMANDS: Readonly<Record<string, Handler>> = { xread, xreadgroup };
