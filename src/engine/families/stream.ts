/** Streams: entries (https://redis.io/docs/latest/commands/?group=stream). */
import { wrongNumberOfArguments } from '../../resp/errors.ts';
import { type Call, type Handler, Notify } from '../call.ts';
import { NO_SUCH_KEY, SYNTAX } from '../errors.ts';
import { isTooLong, Stream, type Trim } from '../values/stream.ts';
import { compareIds, IdForm, StreamId } from '../values/stream-id.ts';
import { StreamRange } from '../values/stream-range.ts';
import {
  checkIds,
  formOfId,
  readCount,
  readEnd,
  readId,
  readInteger,
  readStart,
  replyId,
  replyRange,
  streamOf,
  syntaxError,
  WRONG_ID,
} from './stream-arguments.ts';
import { isLoading } from './stream-propagation.ts';

const TOO_LONG = 'ERR Elements are too large to be stored';
const NOT_GREATER =
  'ERR The ID specified in XADD is equal or smaller than the target stream top item';
const ZERO_ID = 'ERR The ID specified in XADD must be greater than 0-0';
const EXHAUSTED = 'ERR The stream has exhausted the last possible ID, unable to add more items';
const TWO_STRATEGIES =
  'ERR syntax error, MAXLEN and MINID options at the same time are not compatible';
const MAXLEN_NEGATIVE = 'ERR The MAXLEN argument must be >= 0.';
const LIMIT_NEGATIVE = 'ERR The LIMIT argument must be >= 0.';
const LIMIT_ALONE = 'ERR syntax error, LIMIT cannot be used without specifying a trimming strategy';
const LIMIT_EXACT = 'ERR syntax error, LIMIT cannot be used without the special ~ option';
const NO_STRATEGY = 'ERR syntax error, XTRIM must be called with a trimming strategy';

/** Entries that trimming by whole nodes removes at once, where nobody says how many: so many nodes' worth. */
const LIMIT_NODES = 100;
const LIMIT_DEFAULT = 10_000;
const LIMIT_MAX = 1_000_000;

/** What XADD and XTRIM were told; filled anew for each. */
interface Options extends Trim {
  maxLength: number;
  minId: StreamId | null;
  isApproximate: boolean;
  limit: number;
  limitGiven: boolean;
  /** MAXLEN or MINID is there. */
  trims: boolean;
  /** Where the threshold of the trimming is. */
  thresholdAt: number;
  makesStream: boolean;
  /** `whole`: the id is `id`; `autoSequence`: only its time is given; `wrong`: none is given. */
  form: number;
}

const options: Options = {
  maxLength: 0,
  minId: null,
  isApproximate: false,
  limit: 0,
  limitGiven: false,
  trims: false,
  thresholdAt: 0,
  makesStream: true,
  form: IdForm.wrong,
};
const id: StreamId = new StreamId();
const otherId: StreamId = new StreamId();
const minId: StreamId = new StreamId();
const range: StreamRange = new StreamRange();

function clearOptions(): void {
  options.maxLength = 0;
  options.minId = null;
  options.isApproximate = false;
  options.limit = 0;
  options.limitGiven = false;
  options.trims = false;
  options.makesStream = true;
  options.form = IdForm.wrong;
}

function isChar(call: Call, index: number, char: string): boolean {
  return call.length(index) === 1 && call.bytes[call.start(index)] === char.charCodeAt(0);
}

/** Into `options`; the place of the id (for XTRIM the end), -1: wrong, and the client has been told. */
function readOptions(call: Call, adds: boolean): number {
  clearOptions();
  let i = 2;
  for (; i < call.argc; i++) {
    const isLast = i === call.argc - 1;
    if (adds && isChar(call, i, '*')) break;
    if (!isLast && (call.is(i, 'maxlen') || call.is(i, 'minid'))) {
      i = readStrategy(call, i);
      if (i < 0) return -1;
    } else if (!isLast && call.is(i, 'limit')) {
      if (!readLimit(call, ++i)) return -1;
    } else if (adds && call.is(i, 'nomkstream')) options.makesStream = false;
    else if (adds) {
      options.form = formOfId(call, i, id);
      if (options.form !== IdForm.wrong) break;
      call.reply.error(WRONG_ID);
      return -1;
    } else {
      call.reply.error(SYNTAX);
      return -1;
    }
  }
  return checkOptions(call, adds) ? i : -1;
}

/** The place of the threshold; -1: wrong. */
function readStrategy(call: Call, at: number): number {
  if (options.trims) return wrong(call, TWO_STRATEGIES);
  const isMinId = call.is(at, 'minid');
  options.trims = true;
  options.isApproximate = false;
  let i = at + 1;
  if (i + 1 < call.argc && (isChar(call, i, '~') || isChar(call, i, '='))) {
    options.isApproximate = isChar(call, i, '~');
    i++;
  }
  options.thresholdAt = i;
  if (isMinId) {
    if (!readId(call, i, minId)) return -1;
    options.minId = minId;
    return i;
  }
  const length = readCount(call, i);
  if (length === null) return -1;
  if (length < 0) return wrong(call, MAXLEN_NEGATIVE);
  options.maxLength = length;
  return i;
}

function readLimit(call: Call, at: number): boolean {
  const limit = readCount(call, at);
  if (limit === null) return false;
  if (limit < 0) {
    call.reply.error(LIMIT_NEGATIVE);
    return false;
  }
  options.limit = limit;
  options.limitGiven = true;
  return true;
}

function checkOptions(call: Call, adds: boolean): boolean {
  const { reply, engine } = call;
  if (options.limit !== 0 && !options.trims) reply.error(LIMIT_ALONE);
  else if (!adds && !options.trims) reply.error(NO_STRATEGY);
  else if (options.limitGiven && !options.isApproximate && !isLoading(engine)) {
    reply.error(LIMIT_EXACT);
  } else {
    // A server that writes down an exact trimming leaves the limit there.
    if (isLoading(engine)) options.limit = 0;
    else if (options.isApproximate && !options.limitGiven) {
      const nodes = LIMIT_NODES * engine.settings.streamNodeMaxEntries;
      options.limit = nodes <= 0 ? LIMIT_DEFAULT : Math.min(nodes, LIMIT_MAX);
    }
    return true;
  }
  return false;
}

function wrong(call: Call, text: string): -1 {
  call.reply.error(text);
  return -1;
}

function xadd(call: Call): void {
  const { reply, db } = call;
  const idAt = readOptions(call, true);
  if (idAt < 0) return;
  const fields = call.argc - idAt - 1;
  if (fields < 2 || fields % 2 === 1) {
    reply.error(wrongNumberOfArguments(call.command.spec.name));
    return;
  }
  if (options.form === IdForm.whole && id.isZero) {
    reply.error(ZERO_ID);
    return;
  }
  const entry = call.write(1);
  if (entry < 0 && !options.makesStream) {
    reply.null();
    return;
  }
  const stream = entry < 0 ? new Stream(call.engine.arena) : streamOf(call, entry);
  if (stream === null) return;
  const fault = chooseId(stream, call);
  if (fault !== null || isTooLong(call.command, idAt + 1)) {
    reply.error(fault ?? TOO_LONG);
    return;
  }
  if (entry < 0) db.addObject(call.bytes, call.start(1), call.end(1), stream);
  stream.append(id, call.command, idAt + 1, call.engine.settings);
  replyId(reply, id);
  call.changed(1, Notify.stream, 'xadd');
  if (options.trims && stream.trim(options) > 0) notifyTrim(call);
  if (options.isApproximate || options.form !== IdForm.whole) rewriteExactly(call, stream, idAt);
}

/** The id of an entry that is to come into `id`; what is wrong with it. */
function chooseId(stream: Stream, call: Call): string | null {
  const { lastId } = stream;
  if (lastId.isMax) return EXHAUSTED;
  if (options.form === IdForm.wrong) {
    id.setTime(call.now);
    if (compareIds(id, lastId) > 0) return null;
    id.copy(lastId);
    id.increment();
    return null;
  }
  if (options.form === IdForm.autoSequence && id.isOfTime(lastId)) {
    id.copy(lastId);
    // Beyond the last sequence is the next time, which was not asked for.
    if (!id.increment() || !id.isOfTime(lastId)) return NOT_GREATER;
  }
  return compareIds(id, lastId) > 0 ? null : NOT_GREATER;
}

function notifyTrim(call: Call): void {
  const { engine, db, bytes } = call;
  engine.notify(Notify.stream, 'xtrim', db, bytes, call.start(1), call.end(1));
}

/** What time and whole nodes decided is written down exactly, in the words that the client used. */
function rewriteExactly(call: Call, stream: Stream, idAt: number): void {
  if (!call.engine.isKept) return;
  const words: (string | Buffer)[] = [];
  for (let i = 0; i < call.argc; i++) words.push(call.copyOf(i));
  if (idAt > 0 && options.form !== IdForm.whole) words[idAt] = id.text;
  if (options.isApproximate) {
    words[options.thresholdAt - 1] = '=';
    words[options.thresholdAt] = leaving(stream);
  }
  call.rewrite(...words);
}

/** The threshold that leaves just what is there now. */
function leaving(stream: Stream): string {
  if (options.minId === null) return String(stream.size);
  const first = stream.nodeAt(0);
  // Where nothing is left, nothing may stay.
  if (first === undefined) otherId.setMax();
  else otherId.copy(first.first);
  return otherId.text;
}

function xtrim(call: Call): void {
  if (readOptions(call, false) < 0) return;
  const entry = call.write(1);
  const stream = entry < 0 ? null : streamOf(call, entry);
  if (entry < 0) call.reply.integer(0);
  if (stream === null) return;
  const removed = stream.trim(options);
  call.reply.integer(removed);
  if (removed === 0) return;
  call.changed(1, Notify.stream, 'xtrim');
  call.dirty += removed - 1;
  if (options.isApproximate) rewriteExactly(call, stream, 0);
}

function xlen(call: Call): void {
  const entry = call.read(1);
  if (entry < 0) call.reply.integer(0);
  else {
    const stream = streamOf(call, entry);
    if (stream !== null) call.reply.integer(stream.size);
  }
}

function xdel(call: Call): void {
  const { reply } = call;
  const entry = call.write(1);
  if (entry < 0) {
    reply.integer(0);
    return;
  }
  const stream = streamOf(call, entry);
  if (stream === null || !checkIds(call, 2, id)) return;
  let removed = 0;
  for (let i = 2; i < call.argc; i++) {
    formOfId(call, i, id);
    if (stream.remove(id)) removed++;
  }
  reply.integer(removed);
  if (removed === 0) return;
  call.changed(1, Notify.stream, 'xdel');
  call.dirty += removed - 1;
}

function xrange(call: Call): void {
  replyBetween(call, false);
}

function xrevrange(call: Call): void {
  replyBetween(call, true);
}

function replyBetween(call: Call, isReverse: boolean): void {
  const { reply } = call;
  if (!readStart(call, isReverse ? 3 : 2, id)) return;
  if (!readEnd(call, isReverse ? 2 : 3, otherId)) return;
  let limit = -1;
  for (let i = 4; i < call.argc; i += 2) {
    if (i + 1 === call.argc || !call.is(i, 'count')) {
      reply.error(SYNTAX);
      return;
    }
    const count = readCount(call, i + 1);
    if (count === null) return;
    limit = Math.max(0, count);
  }
  const entry = call.read(1);
  if (entry < 0) {
    reply.array(0);
    return;
  }
  const stream = streamOf(call, entry);
  if (stream === null) return;
  if (limit === 0) {
    reply.nullArray();
    return;
  }
  range.begin(stream, id, otherId, isReverse);
  replyRange(reply, range, Math.max(0, limit));
}

const ADDED_NEGATIVE = 'ERR entries_added must be positive';
const BELOW_GIVEN =
  'ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id';
const BELOW_TOP = 'ERR The ID specified in XSETID is smaller than the target stream top item';
const ADDED_BELOW_LENGTH =
  'ERR The entries_added specified in XSETID is smaller than the target stream length';

function xsetid(call: Call): void {
  const { reply } = call;
  if (!readId(call, 2, id)) return;
  minId.clear();
  const added = readSetOptions(call);
  if (added === null) return;
  const entry = call.write(1);
  if (entry < 0) {
    reply.error(NO_SUCH_KEY);
    return;
  }
  const stream = streamOf(call, entry);
  if (stream === null) return;
  if (stream.size > 0) {
    stream.lastLiveId(otherId);
    const isBelow = compareIds(id, otherId) < 0;
    if (isBelow || (added !== -1 && stream.size > added)) {
      reply.error(isBelow ? BELOW_TOP : ADDED_BELOW_LENGTH);
      return;
    }
  }
  stream.lastId.copy(id);
  if (added !== -1) stream.added = added;
  if (!minId.isZero) stream.maxDeletedId.copy(minId);
  reply.ok();
  call.altered(1, Notify.stream, 'xsetid');
}

/** MAXDELETEDID into `minId`; the value of ENTRIESADDED, -1: not given; null: wrong, and the client has been told. */
function readSetOptions(call: Call): number | bigint | null {
  let added: number | bigint = -1;
  for (let i = 3; i < call.argc; i += 2) {
    if (i + 1 === call.argc) return syntaxError(call);
    if (call.is(i, 'entriesadded')) {
      const value = readInteger(call, i + 1);
      if (value === null) return null;
      if (value < 0) {
        call.reply.error(ADDED_NEGATIVE);
        return null;
      }
      added = value;
    } else if (call.is(i, 'maxdeletedid')) {
      if (!readId(call, i + 1, minId)) return null;
      if (compareIds(id, minId) < 0) {
        call.reply.error(BELOW_GIVEN);
        return null;
      }
    } else return syntaxError(call);
  }
  return added;
}

export const STREAM_COMMANDS: Readonly<Record<string, Handler>> = {
  xadd,
  xtrim,
  xlen,
  xdel,
  xrange,
  xrevrange,
  xsetid,
};
