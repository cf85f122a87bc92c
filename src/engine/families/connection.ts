/**
 * What the door asks on its own account, and what it passes on about a connection. Clients, users and protocols are its
 * business: none of them comes this far.
 */
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

function tracking(call: Call): void {
  if (call.argc === 3 && call.is(2, 'off')) call.reply.ok();
  else call.reply.error(NO_TRACKING);
}

export const CONNECTION_COMMANDS: Readonly<Record<string, Handler>> = {
  select,
  ping,
  'client|tracking': tracking,
};
