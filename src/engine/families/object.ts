/** OBJECT (https://redis.io/docs/latest/commands/object-encoding/ and its like). */
import type { Call, Handler } from '../call.ts';
import { ENCODING_NAMES, Kind } from '../types.ts';
import { replyHelp } from './help.ts';

const NO_LFU =
  'ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.';
const LFU =
  'ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.';

/** The entry of the key asked about, which does not count as a use; -1: none, and the client has been told. */
function find(call: Call): number {
  const entry = call.db.inspect(call.bytes, call.start(2), call.end(2));
  if (entry < 0) call.reply.null();
  return entry;
}

function encoding(call: Call): void {
  const entry = find(call);
  if (entry < 0) return;
  const { db, reply } = call;
  const isString = db.kindOf(entry) === Kind.string;
  reply.bulkText(isString ? ENCODING_NAMES[db.encodingOf(entry)]! : db.objectOf(entry).encoding);
}

const SHARED_MAX = 10_000;

function refcount(call: Call): void {
  const entry = find(call);
  if (entry < 0) return;
  const small = call.db.kindOf(entry) === Kind.string ? call.db.smallOf(entry) : Number.NaN;
  // Redis shares the small integers, and says so by the largest count there is.
  call.reply.integer(small >= 0 && small < SHARED_MAX ? 2_147_483_647 : 1);
}

function idletime(call: Call): void {
  const entry = find(call);
  if (entry < 0) return;
  const idle = call.engine.idleSecondsOf(call.db.clockOf(entry));
  if (idle === null) call.reply.error(LFU);
  else call.reply.integer(idle);
}

function freq(call: Call): void {
  const entry = find(call);
  if (entry < 0) return;
  const frequency = call.engine.frequencyOf(call.db.clockOf(entry));
  if (frequency === null) call.reply.error(NO_LFU);
  else call.reply.integer(frequency);
}

function help({ reply }: Call): void {
  replyHelp(reply, 'OBJECT', [
    'ENCODING <key>',
    '    Return the kind of internal representation used in order to store the value',
    '    associated with a <key>.',
    'FREQ <key>',
    '    Return the access frequency index of the <key>. The returned integer is',
    '    proportional to the logarithm of the recent access frequency of the key.',
    'IDLETIME <key>',
    '    Return the idle time of the <key>, that is the approximated number of',
    '    seconds elapsed since the last access to the key.',
    'REFCOUNT <key>',
    '    Return the number of references of the value associated with the specified',
    '    <key>.',
  ]);
}

export const OBJECT_COMMANDS: Readonly<Record<string, Handler>> = {
  'object|encoding': encoding,
  'object|refcount': refcount,
  'object|idletime': idletime,
  'object|freq': freq,
  'object|help': help,
};
