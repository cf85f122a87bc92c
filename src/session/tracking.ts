/**
 * CLIENT TRACKING (https://redis.io/docs/latest/develop/reference/client-side-caching/) where one server has all keys.
 *
 *   off ──CLIENT TRACKING ON──▶ on ──connection lost──▶ restoring ──same options, another connection──▶ on
 *                                └──OFF, RESET, client left──▶ off        └──too often in vain──▶ client closed
 *
 * The client has a connection of its own to the server, and everything it asks goes there: what it reads is what the
 * server notes, and an invalidation comes behind the reply it invalidates, as the server wrote them. So it stands in
 * front of the backend and lends its connection to transactions and to waits.
 *
 * A connection that is lost takes with it what the server had noted: the client is told to forget everything, and reads
 * nothing before the same is noted on another one.
 */
import type { Backend, Lease, LeaseHolder, Refusal, Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import type { CommandSpec, Over } from '../commands/spec.ts';
import {
  linkError,
  SYNTAX,
  TRACKING_IN_MULTI,
  TRACKING_REDIRECT,
  TRACKING_TOO_OFTEN,
} from '../resp/errors.ts';
import { SIMPLE_STRING } from '../resp/types.ts';
import { error, OK, type Value } from '../resp/value.ts';
import { forward } from './forward.ts';
import { Hold } from './hold.ts';
import type { Session } from './session.ts';

/** CLIENT TRACKING ON may be said again with more prefixes; so many times. */
const COMMANDS_MAX = 64;
/** Attempts to get another connection, and the pauses between them: four seconds in all. */
const ATTEMPTS_MAX = 8;
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 1000;
/** Pushes that wait for the answer of EXEC; if there are more, the client is told to forget everything. */
const LATE_MAX = 256;
/** How often it is looked whether commands under way have ended, after a reload. */
const QUIET_MS = 20;
/** What the server is not asked for alone. */
const ELSEWHERE: readonly (Over | null)[] = ['shard', 'here', 'cluster', 'slot'];

export class Tracking implements Backend, LeaseHolder {
  readonly #session: Session;
  #lease: Lease | null = null;
  /** What was said to the server, in order: copies. */
  #commands: Command[] = [];
  readonly #late: Buffer[] = [];
  readonly #loans: Set<Loan> = new Set();
  #isRestoring = false;
  #attempts = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(session: Session) {
    this.#session = session;
  }

  /** CLIENT TRACKING; all before it is answered, and nothing is read until it is. */
  change(command: Command, isOn: boolean): void {
    const session = this.#session;
    const lease = this.#lease ?? session.host.backend.lease(command, this);
    if ('reply' in lease) {
      session.answer(error(lease.reply));
      return;
    }
    this.#lease = lease;
    const copy = command.copy();
    const turn = session.open(command);
    session.hold(Hold.answer);
    lease.dispatch(command, {
      reply: (bytes, start, end) => {
        const isDone = bytes[start] === SIMPLE_STRING;
        if (isDone) this.#onChanged(copy, isOn);
        // Who has left meanwhile did not know of the connection.
        if (session.isClosed || (!isDone && this.#commands.length === 0)) this.end();
        session.release(Hold.answer);
        turn.reply(bytes, start, end);
      },
      fail: (failure) => {
        session.release(Hold.answer);
        turn.fail(failure);
      },
    });
  }

  get hasRoom(): boolean {
    return this.#commands.length < COMMANDS_MAX;
  }

  dispatch(command: Command, sink: Sink): void {
    const session = this.#session;
    const { spec } = command;
    if (isElsewhere(spec)) {
      session.host.backend.dispatch(command, sink);
      session.awaitTurns();
    } else if (this.#lease === null) {
      sink.fail(LOST);
    } else {
      forward(session, this.#lease, command, sink);
    }
  }

  lease(_command: Command, holder: LeaseHolder): Lease | Refusal {
    if (this.#lease === null) return LOST;
    const loan = new Loan(this, this.#lease, holder);
    this.#loans.add(loan);
    return loan;
  }

  async close(): Promise<void> {
    this.end();
  }

  onPush(bytes: Buffer, start: number, end: number): void {
    const session = this.#session;
    if (session.transaction?.isWeaving !== true) session.push(bytes, start, end);
    else if (this.#late.length < LATE_MAX) this.#late.push(Buffer.from(bytes.subarray(start, end)));
    else this.#late[0] = FORGET_ALL;
  }

  /** What came while the answer of EXEC was put together: it is about what stands there. */
  pushLate(): void {
    for (const bytes of this.#late.splice(0)) this.#session.push(bytes, 0, bytes.length);
  }

  onLost(): void {
    this.#lease = null;
    if (this.#isRestoring) this.#pause();
    else this.#restore(true);
  }

  /** Another connection: of another database or protocol, or because something on this one was left half done. */
  renew(isTold: boolean): void {
    if (this.#isRestoring) return;
    const lease = this.#lease;
    this.#lease = null;
    lease?.abandon();
    this.#restore(isTold);
  }

  /** The same when all that is under way is answered: a reload has changed what stands behind the listener. */
  renewSoon(): void {
    const session = this.#session;
    if (this.#isRestoring) return;
    // Who waits at a server is read on, to hear when it leaves.
    if (session.wait === null) session.hold(Hold.tracking);
    this.#clearTimer();
    this.#timer = setTimeout(() => {
      if (session.turnsOpen > 0) this.renewSoon();
      else this.renew(true);
    }, QUIET_MS);
  }

  settle(loan: Loan): void {
    this.#loans.delete(loan);
  }

  end(): void {
    const session = this.#session;
    const lease = this.#lease;
    this.#lease = null;
    this.#isRestoring = false;
    this.#commands = [];
    this.#clearTimer();
    session.setTracking(null);
    this.#loseLoans();
    lease?.abandon();
    session.release(Hold.tracking);
  }

  #onChanged(command: Command, isOn: boolean): void {
    if (!isOn) {
      this.end();
      return;
    }
    this.#commands.push(command);
    this.#session.setTracking(this);
  }

  #loseLoans(): void {
    const loans = [...this.#loans];
    this.#loans.clear();
    for (const loan of loans) loan.lose();
  }

  #restore(isTold: boolean): void {
    const session = this.#session;
    this.#loseLoans();
    if (session.isClosed || this.#commands.length === 0) return;
    if (isTold && session.protocol === 3) session.push(FORGET_ALL, 0, FORGET_ALL.length);
    session.hold(Hold.tracking);
    this.#isRestoring = true;
    this.#attempts = 0;
    // Not within the call that tells of a loss: what else it has to do comes first.
    this.#clearTimer();
    this.#timer = setTimeout(() => this.#attempt(), 0);
  }

  #attempt(): void {
    const session = this.#session;
    session.host.tick.begin();
    const { database, protocol } = session;
    for (const command of this.#commands) Object.assign(command, { database, protocol });
    const lease = session.host.backend.lease(this.#commands[0]!, this);
    if ('reply' in lease) {
      this.#pause();
      return;
    }
    this.#lease = lease;
    let left = this.#commands.length;
    for (const command of this.#commands) {
      lease.dispatch(command, {
        reply: (bytes, start) => {
          if (bytes[start] !== SIMPLE_STRING) this.#giveUp('the server refuses it');
          else if (--left === 0) this.#onRestored();
        },
        // The connection is lost, and that is told too.
        fail: () => {},
      });
    }
  }

  #onRestored(): void {
    this.#isRestoring = false;
    this.#session.release(Hold.tracking);
  }

  #pause(): void {
    if (++this.#attempts >= ATTEMPTS_MAX) {
      this.#giveUp('no connection to the server');
      return;
    }
    const pauseMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** (this.#attempts - 1));
    this.#clearTimer();
    this.#timer = setTimeout(() => this.#attempt(), pauseMs);
  }

  /** A client that believes in invalidations must not go on without them. */
  #giveUp(reason: string): void {
    const session = this.#session;
    session.host.clients.log.warn(
      { client: session.id, reason },
      'client closed: its tracking could not be restored',
    );
    session.close();
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

/** The connection of a client that is tracked, in the hands of its own transaction or wait. */
class Loan implements Lease {
  readonly #tracking: Tracking;
  readonly #lease: Lease;
  #holder: LeaseHolder | null;

  constructor(tracking: Tracking, lease: Lease, holder: LeaseHolder) {
    this.#tracking = tracking;
    this.#lease = lease;
    this.#holder = holder;
  }

  carries(command: Command): boolean {
    return this.#lease.carries(command);
  }

  prepare(command: Command, then: () => void): boolean {
    return this.#lease.prepare(command, then);
  }

  dispatch(command: Command, sink: Sink): void {
    this.dispatchWaiting(command, sink, 0);
  }

  dispatchWaiting(command: Command, sink: Sink, waitMs: number): void {
    if (this.#holder === null) sink.fail(LOST);
    else this.#lease.dispatchWaiting(command, sink, waitMs);
  }

  unblock(withError: boolean): void {
    this.#lease.unblock(withError);
  }

  release(): void {
    this.#holder = null;
    this.#tracking.settle(this);
  }

  /** What was begun on it ends with the connection. */
  abandon(): void {
    if (this.#holder === null) return;
    this.release();
    this.#tracking.renew(true);
  }

  lose(): void {
    const holder = this.#holder;
    this.#holder = null;
    holder?.onLost();
  }
}

/** What FLUSHALL makes a server say. */
const FORGET_ALL: Buffer = Buffer.from('>2\r\n$10\r\ninvalidate\r\n_\r\n');
const LOST = linkError('closed', 'the connection of a tracked client was lost');
const NOT_TRACKED =
  'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled';

function isElsewhere({ over, merge }: CommandSpec): boolean {
  return ELSEWHERE.includes(over) || merge === 'info';
}

/** CLIENT TRACKING */
export function track(session: Session, command: Command): Value | undefined {
  if (session.aside !== null) return error(TRACKING_IN_MULTI);
  const word = command.text(2).toLowerCase();
  const options = readOptions(command);
  if ((word !== 'on' && word !== 'off') || options === null) return error(SYNTAX);
  if (options.redirects) return error(TRACKING_REDIRECT);
  const { tracking } = session;
  if (word === 'off' && tracking === null) return OK;
  if (tracking?.hasRoom === false && word === 'on') return error(TRACKING_TOO_OFTEN);
  if (!session.postpone()) (tracking ?? new Tracking(session)).change(command, word === 'on');
  return undefined;
}

/** Null: not what Redis knows. */
function readOptions(command: Command): { redirects: boolean } | null {
  let redirects = false;
  for (let i = 3; i < command.argc; i++) {
    const word = command.text(i).toLowerCase();
    const hasValue = word === 'redirect' || word === 'prefix';
    if (hasValue && ++i === command.argc) return null;
    if (!hasValue && !['bcast', 'optin', 'optout', 'noloop'].includes(word)) return null;
    redirects ||= word === 'redirect';
  }
  return { redirects };
}

/** CLIENT CACHING: it is about the very next command on the connection. */
export function setCaching(session: Session, command: Command): Value | undefined {
  if (session.tracking === null) return error(NOT_TRACKED);
  if (session.aside !== null) return error(TRACKING_IN_MULTI);
  session.tracking.dispatch(command, session.open(command));
  return undefined;
}

/** CLIENT GETREDIR, TRACKINGINFO: the server knows best; `otherwise` is the answer where nothing is tracked. */
export function askTracking(
  session: Session,
  command: Command,
  otherwise: Value,
): Value | undefined {
  const { tracking } = session;
  if (tracking === null) return otherwise;
  const { aside } = session;
  if (aside === null) {
    tracking.dispatch(command, session.open(command));
    return undefined;
  }
  const then = aside.take();
  tracking.dispatch(command, {
    reply: (bytes, start, end) => then(Buffer.from(bytes.subarray(start, end))),
    fail: (failure) => then(Buffer.from(`-${failure.reply}\r\n`, 'latin1')),
  });
  return undefined;
}
