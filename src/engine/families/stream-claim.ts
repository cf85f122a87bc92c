/** Streams: taking over what others have not confirmed (https://redis.io/docs/latest/commands/xclaim/). */
import { type Call, type Handler, Notify } from '../call.ts';
import { SYNTAX } from '../errors.ts';
import type { Consumer, Group } from '../values/group.ts';
import { Stream } from '../values/stream.ts';
import { compareIds, IdForm, StreamId } from '../values/stream-id.ts';
import { StreamRange } from '../values/stream-range.ts';
import {
  formOfId,
  readCount,
  readId,
  readInteger,
  readStart,
  replyEntry,
  replyId,
  shown,
} from './stream-arguments.ts';
import { groupOf } from './stream-group.ts';
import { isLoading, writeClaim, writeGroupId, writeOnlyRewritten } from './stream-propagation.ts';

const COUNT_WRONG = 'ERR COUNT must be > 0';
/** As Redis: entries looked at for each that is wanted. */
const ATTEMPTS = 10;
const COUNT_MAX = (2n ** 63n - 1n) / 16n;
const COUNT_DEFAULT = 100;

const id: StreamId = new StreamId();
const lastId: StreamId = new StreamId();
const range: StreamRange = new StreamRange();

/** What XCLAIM and XAUTOCLAIM were told; filled anew for each. */
const options = {
  idleMs: 0,
  /** -1: now. */
  deliveredAt: -1,
  /** -1: one more than before. */
  deliveries: -1 as number | bigint,
  forces: false,
  onlyIds: false,
  limit: COUNT_DEFAULT,
  /** The argument whose id is being claimed; 0: it comes from none. */
  idAt: 0,
};

function clearOptions(): void {
  options.idleMs = 0;
  options.deliveredAt = -1;
  options.deliveries = -1;
  options.forces = false;
  options.onlyIds = false;
  options.limit = COUNT_DEFAULT;
  options.idAt = 0;
  lastId.clear();
}

function xclaim(call: Call): void {
  const group = groupOf(call, call.read(1));
  if (group === null) return;
  const afterIds = readClaim(call);
  if (afterIds < 0) return;
  const { now, reply } = call;
  let movesGroup = compareIds(lastId, group.lastId) > 0;
  if (movesGroup) group.lastId.copy(lastId);
  const isPast = options.deliveredAt <= now || isLoading(call.engine);
  const isSane = options.deliveredAt >= 0 && isPast;
  if (!isSane) options.deliveredAt = now;
  const stream = claimedStream(call);
  const place = reply.openArray();
  let count = 0;
  const before = call.dirty;
  for (let i = 5; i < afterIds; i++) {
    formOfId(call, i, id);
    options.idAt = i;
    if (claim(call, stream, group)) count++;
  }
  if (call.dirty > before) movesGroup = false;
  if (movesGroup) {
    writeGroupId(call, 1, group);
    call.altered(1, Notify.stream, null);
  }
  reply.closeArray(place, count);
  writeOnlyRewritten(call);
}

/** Where the ids end; -1: wrong, and the client has been told. */
function readClaim(call: Call): number {
  clearOptions();
  const idle = readCount(call, 4, 'ERR Invalid min-idle-time argument for XCLAIM');
  if (idle === null) return -1;
  options.idleMs = Math.max(0, idle);
  let end = 5;
  while (end < call.argc && formOfId(call, end, id) === IdForm.whole) end++;
  for (let i = end; i < call.argc; ) {
    i = readClaimOption(call, i);
    if (i < 0) return -1;
  }
  return end;
}

/** Where the next option is; -1: wrong. */
function readClaimOption(call: Call, at: number): number {
  const hasMore = at + 1 < call.argc;
  if (call.is(at, 'force')) options.forces = true;
  else if (call.is(at, 'justid')) options.onlyIds = true;
  else if (hasMore && call.is(at, 'idle')) {
    const idle = readCount(call, at + 1, 'ERR Invalid IDLE option argument for XCLAIM');
    if (idle === null) return -1;
    options.deliveredAt = call.now - idle;
    return at + 2;
  } else if (hasMore && call.is(at, 'time')) {
    const time = readCount(call, at + 1, 'ERR Invalid TIME option argument for XCLAIM');
    if (time === null) return -1;
    options.deliveredAt = time;
    return at + 2;
  } else if (hasMore && call.is(at, 'retrycount')) {
    const text = 'ERR Invalid RETRYCOUNT option argument for XCLAIM';
    const count = readInteger(call, at + 1, text);
    if (count === null) return -1;
    options.deliveries = count;
    return at + 2;
  } else if (hasMore && call.is(at, 'lastid')) return readId(call, at + 1, lastId) ? at + 2 : -1;
  else {
    call.reply.error(`ERR Unrecognized XCLAIM option '${shown(call, at)}'`);
    return -1;
  }
  return at + 1;
}

function claimedStream(call: Call): Stream {
  const object = call.db.objectOf(call.write(1));
  if (object instanceof Stream) return object;
  throw new Error('a stream that was found is there');
}

/** Made when he gets the first entry. */
function consumerOf(call: Call, group: Group): Consumer {
  const name = call.text(3);
  const found = group.consumers.get(name);
  if (found === undefined) {
    // Of a consumer in a file no more is known than when he last got something.
    const seenAt = isLoading(call.engine) ? options.deliveredAt : call.now;
    const made = group.addConsumer(name, seenAt);
    call.altered(1, Notify.stream, 'xgroup-createconsumer');
    return made;
  }
  found.seenAt = call.now;
  return found;
}

/** Gives the entry `id` to the consumer, and says so; false: it does not get it. */
function claim(call: Call, stream: Stream, group: Group): boolean {
  let isPending = group.find(id);
  if (!stream.has(id)) {
    if (isPending) drop(call, group);
    return false;
  }
  const isNew = !isPending && options.forces;
  if (isNew) {
    group.add(id, call.now);
    isPending = true;
  }
  if (!isPending || (!isNew && isTooFresh(call, group))) return false;
  give(call, stream, group, options.deliveredAt);
  return true;
}

function isTooFresh(call: Call, group: Group): boolean {
  return options.idleMs > 0 && call.now - group.deliveredAt < options.idleMs;
}

/** The entry `id`, which is pending, is no longer in the stream. */
function drop(call: Call, group: Group): void {
  writeClaim(call, 1, group, id, options.idAt);
  call.altered(1, Notify.stream, null);
  group.confirm(id);
}

function give(call: Call, stream: Stream, group: Group, at: number): void {
  group.assign(id, consumerOf(call, group));
  group.deliveredAt = at;
  if (options.deliveries >= 0) group.deliveries = options.deliveries;
  else if (!options.onlyIds) group.countDelivery();
  if (options.onlyIds) replyId(call.reply, id);
  else {
    range.begin(stream, id, id, false);
    range.next();
    replyEntry(call.reply, range);
  }
  writeClaim(call, 1, group, id, options.idAt);
  call.altered(1, Notify.stream, null);
}

function xautoclaim(call: Call): void {
  // The key is looked for first, but that there is none is told last.
  const entry = call.read(1);
  if (!readAutoClaim(call)) return;
  lastId.copy(id);
  const group = groupOf(call, entry);
  if (group === null) return;
  const { reply, now } = call;
  const stream = claimedStream(call);
  const gone: StreamId[] = [];
  const { pending } = group;
  let attempts = options.limit * ATTEMPTS;
  let left = options.limit;
  // The cursor comes first and is known last, so it is put in front of the entries.
  const place = reply.openArray();
  let count = 0;
  let is = pending.seek(lastId);
  while (is && attempts-- > 0 && left > 0) {
    pending.readId(id);
    lastId.copy(id);
    if (!stream.has(id)) {
      drop(call, group);
      gone.push(id.clone());
      left--;
      is = pending.seek(lastId);
      continue;
    }
    if (!isTooFresh(call, group)) {
      give(call, stream, group, now);
      left--;
      count++;
    }
    is = pending.next();
  }
  if (is) pending.readId(id);
  else id.clear();
  reply.closeArray(place, count);
  const { text } = id;
  reply.insert(place, `*3\r\n$${text.length}\r\n${text}\r\n`);
  reply.array(gone.length);
  for (const one of gone) replyId(reply, one);
  writeOnlyRewritten(call);
}

function readAutoClaim(call: Call): boolean {
  clearOptions();
  const idle = readCount(call, 4, 'ERR Invalid min-idle-time argument for XAUTOCLAIM');
  if (idle === null) return false;
  options.idleMs = Math.max(0, idle);
  if (!readStart(call, 5, id)) return false;
  for (let i = 6; i < call.argc; i++) {
    if (i + 1 < call.argc && call.is(i, 'count')) {
      const count = call.integer(++i);
      if (count === null || count < 1 || count > COUNT_MAX) {
        call.reply.error(COUNT_WRONG);
        return false;
      }
      options.limit = Number(count);
    } else if (call.is(i, 'justid')) options.onlyIds = true;
    else {
      call.reply.error(SYNTAX);
      return false;
    }
  }
  return true;
}

export const STREAM_CLAIM_COMMANDS: Readonly<Record<string, Handler>> = { xclaim, xautoclaim };
