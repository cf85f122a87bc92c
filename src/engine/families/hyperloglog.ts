/** How many different elements (https://redis.io/docs/latest/commands/?group=hyperloglog). */
import { type Call, type Handler, Notify } from '../call.ts';
import { CORRUPT_HYPERLOGLOG, NOT_HYPERLOGLOG, WRONG_TYPE } from '../errors.ts';
import { Kind } from '../types.ts';
import {
  DENSE_BYTES,
  denseRegister,
  EMPTY_HYPERLOGLOG,
  estimateOf,
  estimateUnion,
  forgetCount,
  HEAD_BYTES,
  isDense,
  isHyperLogLog,
  keepCount,
  keptCount,
  locate,
  place,
  REGISTERS,
  raiseDense,
  toDense,
  union,
  uniteInto,
} from '../values/hyperloglog.ts';
import { testHyperLogLogs } from '../values/hyperloglog-check.ts';
import {
  CORRUPT,
  raiseSparse,
  SPARSE_GROWTH_MAX,
  sparseText,
  TOO_DENSE,
  UNCHANGED,
} from '../values/hyperloglog-sparse.ts';

/** False: the entry is there and none, and the client has been told. */
function isOne({ db, reply }: Call, entry: number): boolean {
  if (entry < 0) return true;
  if (db.kindOf(entry) !== Kind.string) {
    reply.error(WRONG_TYPE);
    return false;
  }
  const { bytes, start, end } = db.stringOf(entry);
  if (isHyperLogLog(bytes, start, end)) return true;
  reply.error(NOT_HYPERLOGLOG);
  return false;
}

/** The entry of the key at 1, added if it is not there, whose blob may be changed in place. */
function openOne(call: Call, entry: number): number {
  const { db } = call;
  if (entry >= 0) {
    db.setBlob(entry, db.blobOf(entry));
    return entry;
  }
  const created = db.add(call.bytes, call.start(1), call.end(1));
  db.setBlob(created, db.arena.create(EMPTY_HYPERLOGLOG, 0, EMPTY_HYPERLOGLOG.length));
  return created;
}

/** Raises a register: 1 if it was lower, 0 if not, -1 if the value is corrupt. */
function raise(call: Call, entry: number, register: number, run: number): number {
  const { db } = call;
  const { arena } = db;
  const ref = db.blobOf(entry);
  const bytes = arena.bufferOf(ref);
  const start = arena.startOf(ref);
  if (isDense(bytes, start)) return raiseDense(bytes, start, register, run) ? 1 : 0;
  const result = raiseInSparse(call, entry, register, run);
  if (result === UNCHANGED) return 0;
  if (result === CORRUPT) return -1;
  if (result !== TOO_DENSE) return 1;
  return makeDense(call, entry) ? raise(call, entry, register, run) : -1;
}

function raiseInSparse(call: Call, entry: number, register: number, run: number): number {
  const { db } = call;
  const { arena } = db;
  const before = db.blobOf(entry);
  const length = arena.lengthOf(before);
  const ref = arena.resize(before, length + SPARSE_GROWTH_MAX);
  const bytes = arena.bufferOf(ref);
  const start = arena.startOf(ref);
  const limit = call.engine.settings.hllSparseMaxBytes - HEAD_BYTES;
  const end = start + length;
  const result = raiseSparse(bytes, start + HEAD_BYTES, end, register, run, limit);
  db.setBlob(entry, arena.resize(ref, result > 0 ? HEAD_BYTES + result : length));
  return result;
}

/** False: it is corrupt, and stays as it is. */
function makeDense({ db }: Call, entry: number): boolean {
  const { arena } = db;
  const ref = db.blobOf(entry);
  const start = arena.startOf(ref);
  if (isDense(arena.bufferOf(ref), start)) return true;
  const dense = arena.allocate(DENSE_BYTES);
  const target = arena.bufferOf(dense);
  const end = start + arena.lengthOf(ref);
  if (!toDense(arena.bufferOf(ref), start, end, target, arena.startOf(dense))) {
    arena.free(dense);
    return false;
  }
  arena.free(ref);
  db.setBlob(entry, dense);
  return true;
}

function pfadd(call: Call): void {
  const { db, reply } = call;
  const found = call.write(1);
  if (!isOne(call, found)) return;
  const entry = openOne(call, found);
  let raised = found < 0 ? 1 : 0;
  for (let i = 2; i < call.argc; i++) {
    locate(call.bytes, call.start(i), call.end(i));
    const result = raise(call, entry, place.register, place.run);
    if (result < 0) {
      reply.error(CORRUPT_HYPERLOGLOG);
      return;
    }
    raised += result;
  }
  if (raised > 0) {
    const { bytes, start } = db.stringOf(entry);
    forgetCount(bytes, start);
    call.changed(1, Notify.string, 'pfadd');
    call.dirty += raised - 1;
  }
  reply.integer(raised > 0 ? 1 : 0);
}

function pfcount(call: Call): void {
  if (call.argc > 2) {
    if (unite(call, 1)) call.reply.bigInteger(estimateUnion());
    return;
  }
  const { db, reply } = call;
  const entry = call.read(1);
  if (!isOne(call, entry)) return;
  if (entry < 0) {
    reply.integer(0);
    return;
  }
  openOne(call, entry);
  const { bytes, start, end } = db.stringOf(entry);
  let count = keptCount(bytes, start);
  if (count < 0n) {
    count = estimateOf(bytes, start, end);
    if (count < 0n) {
      reply.error(CORRUPT_HYPERLOGLOG);
      return;
    }
    keepCount(bytes, start, count);
    // Nobody is told of it, but its bytes are others now.
    call.dirty++;
    db.changed(call.bytes, call.start(1), call.end(1));
  }
  reply.bigInteger(count);
}

let hasDense = false;

/** Puts the keys from argument `from` on into `union`; false: one cannot be, and the client has been told. */
function unite(call: Call, from: number): boolean {
  union.fill(0);
  hasDense = false;
  for (let i = from; i < call.argc; i++) {
    const entry = call.read(i);
    if (entry < 0) continue;
    if (!isOne(call, entry)) return false;
    const { bytes, start, end } = call.db.stringOf(entry);
    if (isDense(bytes, start)) hasDense = true;
    if (!uniteInto(bytes, start, end)) {
      call.reply.error(CORRUPT_HYPERLOGLOG);
      return false;
    }
  }
  return true;
}

function pfmerge(call: Call): void {
  const { db, reply } = call;
  if (!unite(call, 1)) return;
  const entry = openOne(call, call.write(1));
  if (hasDense && !makeDense(call, entry)) {
    reply.error(CORRUPT_HYPERLOGLOG);
    return;
  }
  for (let i = 0; i < REGISTERS; i++) if (union[i]! > 0) raise(call, entry, i, union[i]!);
  const { bytes, start } = db.stringOf(entry);
  forgetCount(bytes, start);
  call.changed(1, Notify.string, 'pfadd');
  reply.ok();
}

/** For tests of Redis itself and of clients. */
function pfdebug(call: Call): void {
  const { db, reply } = call;
  const entry = call.write(2);
  if (entry < 0) {
    reply.error('ERR The specified key does not exist');
    return;
  }
  if (!isOne(call, entry)) return;
  openOne(call, entry);
  const { bytes, start, end } = db.stringOf(entry);
  if (call.is(1, 'getreg')) showRegisters(call, entry);
  else if (call.is(1, 'encoding')) reply.status(isDense(bytes, start) ? 'dense' : 'sparse');
  else if (call.is(1, 'todense')) convert(call, entry);
  else if (!call.is(1, 'decode')) reply.error(`ERR Unknown PFDEBUG subcommand '${call.text(1)}'`);
  else if (isDense(bytes, start)) reply.error('ERR HLL encoding is not sparse');
  else reply.bulkText(sparseText(bytes, start + HEAD_BYTES, end));
}

/** False: it is corrupt, and the client has been told. */
function densify(call: Call, entry: number): boolean {
  const view = call.db.stringOf(entry);
  if (isDense(view.bytes, view.start)) return true;
  if (!makeDense(call, entry)) {
    call.reply.error(CORRUPT_HYPERLOGLOG);
    return false;
  }
  call.dirty++;
  call.db.changed(call.bytes, call.start(2), call.end(2));
  return true;
}

function showRegisters(call: Call, entry: number): void {
  if (!densify(call, entry)) return;
  const { bytes, start } = call.db.stringOf(entry);
  call.reply.array(REGISTERS);
  for (let i = 0; i < REGISTERS; i++) call.reply.integer(denseRegister(bytes, start, i));
}

function convert(call: Call, entry: number): void {
  const before = call.dirty;
  if (densify(call, entry)) call.reply.integer(call.dirty - before);
}

function pfselftest({ reply }: Call): void {
  const fault = testHyperLogLogs();
  if (fault === null) reply.ok();
  else reply.error(`TESTFAILED ${fault}`);
}

export const HYPERLOGLOG_COMMANDS: Readonly<Record<string, Handler>> = {
  pfadd,
  pfcount,
  pfmerge,
  pfdebug,
  pfselftest,
};
