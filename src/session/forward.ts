/** Sends a command over a connection that is lent to its client. */
import type { Lease, Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { Hold } from './hold.ts';
import type { Session } from './session.ts';

/** A script that the server may have lost goes there first, by another connection, and nothing is read meanwhile. */
export function forward(session: Session, lease: Lease, command: Command, sink: Sink): void {
  if (command.spec.script === null) {
    lease.dispatch(command, sink);
    return;
  }
  const copy = command.copy();
  let isSent = false;
  const send = (): void => {
    isSent = true;
    session.release(Hold.answer);
    lease.dispatch(copy, sink);
  };
  if (!lease.prepare(copy, send)) send();
  else if (!isSent) session.hold(Hold.answer);
}
