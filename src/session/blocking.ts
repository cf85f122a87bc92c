/**
 * Commands that may wait at their server: BLPOP and its kind, XREAD with BLOCK.
 *
 * Each waits on a connection lent for as long, so nobody else waits behind it. As with Redis, nothing further of
 * its client is run meanwhile; but the socket is read on, to hear when the client leaves: then the connection is
 * closed and the server forgets the wait.
 */
import { type Lease, type LeaseHolder, nowhere } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { commandLike, PING_NAME } from '../commands/own.ts';
import { waitOf } from '../commands/wait.ts';
import { error } from '../resp/value.ts';
import { Hold } from './hold.ts';
import type { Session } from './session.ts';

/** A client that waits at a server. */
export interface Wait {
  /** CLIENT UNBLOCK: the server ends the wait, and its answer goes to the client. */
  unblock(withError: boolean): void;
  /** The client has left. */
  abandon(): void;
}

/** What was under way has failed by its sink: nothing is left to do. */
const HOLDER: LeaseHolder = {
  onLost(): void {
    // See above.
  },
};

export function block(session: Session, command: Command): void {
  const waitMs = waitOf(command);
  if (waitMs < 0) {
    session.backend.dispatch(command, session.open(command));
    return;
  }
  if (session.postpone()) return;
  const lease = session.backend.lease(command, HOLDER);
  if ('reply' in lease) {
    session.answer(error(lease.reply));
    return;
  }
  wait(session, command, lease, waitMs);
}

function wait(session: Session, command: Command, lease: Lease, waitMs: number): void {
  const turn = session.open(command);
  session.hold(Hold.waiting);
  session.wait = {
    unblock: (withError) => lease.unblock(withError),
    abandon: () => lease.abandon(),
  };
  const end = (): void => {
    session.wait = null;
    session.release(Hold.waiting);
  };
  // WAIT asks for the writes of its own connection: after any command that is all the server has written so far.
  if (command.spec.keySpecs.length === 0) lease.dispatch(commandLike(command, PING_NAME), nowhere);
  lease.dispatchWaiting(
    command,
    {
      reply(bytes, start, stop) {
        end();
        lease.release();
        turn.reply(bytes, start, stop);
      },
      fail(failure) {
        end();
        lease.abandon();
        turn.fail(failure);
      },
    },
    waitMs,
  );
}
