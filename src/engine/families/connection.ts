/**
 * What the door asks on its own account, and what it passes on about a connection. Clients, users and protocols are its
 * business: none of them comes this far.
 */
import { NOT_AN_INTEGER } from '../../resp/errors.ts';
import type { Call, Handler } from '../call.ts';

const NO_TRACKING = 'ERR CLIENT TRACKING is not supported by the embedded engine';

/** The database is there, or the command would not have been run. */
function select({ reply }: Call): void {
  reply.ok();
}

function ping(call: Call): void {
  if (call.argc === 1) call.reply.status('PONG');
  else call.reply.bulk(call.bytes, call.start(1), call.end(1));
}

/** There are no replicas, so none of them has to be waited for, and none ever comes. */
function wait(call: Call): void {
  if (isTimeout(call, 1, 2)) call.reply.integer(0);
}

/** The same of replicas; `numlocal` of 1 needs a file. */
function waitaof(call: Call): void {
  const { reply } = call;
  const local = call.integer(1);
  if (local === null || local < 0 || local > 1) {
    reply.error(
      local === null ? NOT_AN_INTEGER : 'ERR value is out of range, must be between 0 and 1',
    );
    return;
  }
  if (!isTimeout(call, 2, 3)) return;
  if (Number(local) > 0 && call.engine.config.get('appendonly') === 'no') {
    reply.error('ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.');
    return;
  }
  reply.array(2);
  reply.integer(0);
  reply.integer(0);
}

/** A number of replicas and a time to wait for them; false: wrong, and the client has been told. */
function isTimeout(call: Call, replicas: number, timeout: number): boolean {
  const ms = call.integer(timeout);
  if (call.integer(replicas) === null) call.reply.error(NOT_AN_INTEGER);
  else if (ms === null) call.reply.error('ERR timeout is not an integer or out of range');
  else if (ms < 0) call.reply.error('ERR timeout is negative');
  else return true;
  return false;
}

function tracking(call: Call): void {
  if (call.argc === 3 && call.is(2, 'off')) call.reply.ok();
  else call.reply.error(NO_TRACKING);
}

export const CONNECTION_COMMANDS: Readonly<Record<string, Handler>> = {
  select,
  ping,
  wait,
  waitaof,
  'client|tracking': tracking,
};
