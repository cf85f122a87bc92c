/** About the server itself (https://redis.io/docs/latest/commands/?group=server). */
import type { Call, Handler } from '../call.ts';
import { NOT_INTEGER, SYNTAX } from '../errors.ts';
import { infoText, REDIS_VERSION } from '../info.ts';
import { Kind } from '../types.ts';
import { replyHelp } from './help.ts';

function info(call: Call): void {
  const wanted = Array.from({ length: call.argc - 1 }, (_none, i) =>
    call.text(i + 1).toLowerCase(),
  );
  call.reply.verbatim('txt', Buffer.from(infoText(call.engine, wanted)));
}

function role({ reply }: Call): void {
  reply.array(3);
  reply.bulkText('master');
  reply.integer(0);
  reply.array(0);
}

function lastsave({ engine, reply }: Call): void {
  reply.integer(Math.floor(engine.startedAt / 1000));
}

/** There are no replicas, and what is written is written. */
function wait(call: Call): void {
  if (isWait(call, 1, 2)) call.reply.integer(0);
}

/** A number of replicas and a time to wait for them; false: wrong, and the client has been told. */
function isWait(call: Call, replicas: number, timeout: number): boolean {
  const ms = call.integer(timeout);
  if (call.integer(replicas) === null) call.reply.error(NOT_INTEGER);
  else if (ms === null) call.reply.error('ERR timeout is not an integer or out of range');
  else if (ms < 0) call.reply.error('ERR timeout is negative');
  else return true;
  return false;
}

function waitaof(call: Call): void {
  const local = call.count(1);
  const { reply, engine } = call;
  if (local === null) {
    reply.error(NOT_INTEGER);
    return;
  }
  if (!isWait(call, 2, 3)) return;
  if (local > 0 && engine.persistence === null) {
    reply.error('ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.');
    return;
  }
  reply.array(2);
  reply.integer(local > 0 ? 1 : 0);
  reply.integer(0);
}

function bgrewriteaof({ engine, reply }: Call): void {
  if (engine.persistence === null) reply.error('ERR the engine has no directory to write to');
  else if (engine.persistence.rewrite()) reply.status(REWRITING);
  else reply.error('ERR Background append only file rewriting already in progress');
}

const REWRITING = 'Background append only file rewriting started';
const NO_RDB = 'ERR the engine keeps an append-only file and no RDB';

function save({ reply }: Call): void {
  reply.error(NO_RDB);
}

function lolwut({ reply }: Call): void {
  reply.verbatim('txt', Buffer.from(`~~~\n ~~~~ Tidegate, as Redis ver. ${REDIS_VERSION}\n`));
}

const KEY_COST = 48;

function memoryUsage(call: Call): void {
  const { db, reply } = call;
  for (let i = 3; i < call.argc; i += 2) {
    const samples = i + 1 < call.argc && call.is(i, 'samples') ? call.count(i + 1) : Number.NaN;
    if (samples === null || !(samples >= 0)) {
      reply.error(samples === null ? NOT_INTEGER : SYNTAX);
      return;
    }
  }
  const entry = db.find(call.bytes, call.start(2), call.end(2));
  if (entry < 0) {
    reply.null();
    return;
  }
  const key = db.arena.costOf(db.dict.keyOf(entry)) + KEY_COST;
  if (db.kindOf(entry) !== Kind.string) reply.integer(key + db.objectOf(entry).bytes);
  else if (!Number.isNaN(db.smallOf(entry))) reply.integer(key);
  else reply.integer(key + db.arena.costOf(db.blobOf(entry)));
}

function memoryStats({ engine, reply }: Call): void {
  const used = engine.eviction.usedBytes;
  const keys = engine.databases.reduce((sum, { size }) => sum + size, 0);
  const figures: readonly (readonly [string, number])[] = [
    ['total.allocated', used],
    ['dataset.bytes', engine.arena.bytes],
    ['keys.count', keys],
    ['keys.bytes-per-key', keys === 0 ? 0 : Math.round(used / keys)],
    ['allocator.allocated', engine.arena.bytes],
    ['allocator.active', engine.arena.reservedBytes],
  ];
  reply.map(figures.length);
  for (const [name, value] of figures) {
    reply.bulkText(name);
    reply.integer(value);
  }
}

function memoryDoctor({ reply }: Call): void {
  reply.verbatim('txt', Buffer.from('Nothing to report.\n'));
}

function memoryPurge({ reply }: Call): void {
  reply.ok();
}

function memoryMallocStats({ engine, reply }: Call): void {
  const { bytes, reservedBytes } = engine.arena;
  reply.verbatim('txt', Buffer.from(`blobs: ${bytes} bytes of ${reservedBytes} in pages\n`));
}

function memoryHelp({ reply }: Call): void {
  replyHelp(reply, 'MEMORY', [
    'DOCTOR',
    '    Return memory problems reports.',
    'MALLOC-STATS',
    '    Return internal statistics report from the memory allocator.',
    'PURGE',
    '    Attempt to purge dirty pages for reclamation by the allocator.',
    'STATS',
    '    Return information about the memory usage of the server.',
    'USAGE <key> [SAMPLES <count>]',
    '    Return memory in bytes used by <key> and its value. Nested values are',
    '    sampled up to <count> times (default: 5, 0 means sample all).',
  ]);
}

export const SERVER_COMMANDS: Readonly<Record<string, Handler>> = {
  info,
  role,
  lastsave,
  wait,
  waitaof,
  bgrewriteaof,
  save,
  bgsave: save,
  lolwut,
  'memory|usage': memoryUsage,
  'memory|stats': memoryStats,
  'memory|doctor': memoryDoctor,
  'memory|purge': memoryPurge,
  'memory|malloc-stats': memoryMallocStats,
  'memory|help': memoryHelp,
};
