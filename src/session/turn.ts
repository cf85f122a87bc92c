/**
 * One ordered reply slot of a session: the sink of one command.
 *
 *   session.head ─▶ turn ─▶ turn ─▶ turn ◀─ session.tail
 *                   waits   held    waits
 *
 * The head writes its reply straight to the session's output; a later one that is answered first holds its
 * bytes in the session's stash. Turns are used again: a turn belongs to exactly one waiting command, and
 * whoever answers it lets go of it in the same call.
 */
import type { Sink } from '../backend/backend.ts';
import { assert } from '../core/assert.ts';
import type { LinkError } from '../resp/errors.ts';
import type { Session } from './session.ts';

export class Turn implements Sink {
  /** null: the client has left, the reply is dropped. */
  session: Session | null = null;
  next: Turn | null = null;
  /** The command waits for its outcome. */
  waits = false;
  /** No reply is sent: CLIENT REPLY. */
  silent = false;
  /** Bytes of the request, charged to the session. */
  requestBytes = 0;
  startedAt = 0;
  /** The held reply is `stash[stashStart, stashEnd)`. */
  stashStart = 0;
  stashEnd = 0;

  reply(bytes: Buffer, start: number, end: number): void {
    assert(this.waits, 'a turn is answered once');
    this.waits = false;
    if (this.session === null) recycle(this);
    else this.session.settle(this, bytes, start, end);
  }

  fail(error: LinkError): void {
    assert(this.waits, 'a turn is answered once');
    const bytes = Buffer.from(`-${error.reply}\r\n`, 'latin1');
    this.reply(bytes, 0, bytes.length);
  }
}

/** Turns kept for use: enough for a full pipeline of some clients. */
const FREE_TURNS_MAX = 16384;
const freeTurns: Turn[] = [];

export function openTurn(session: Session, requestBytes: number, now: number): Turn {
  const turn = freeTurns.pop() ?? new Turn();
  turn.session = session;
  turn.waits = true;
  turn.requestBytes = requestBytes;
  turn.startedAt = now;
  return turn;
}

export function recycle(turn: Turn): void {
  turn.session = null;
  turn.next = null;
  turn.silent = false;
  if (freeTurns.length < FREE_TURNS_MAX) freeTurns.push(turn);
}
