/**
 * MULTI to EXEC, and WATCH, of one client (https://redis.io/docs/latest/develop/interact/transactions/).
 *
 *   nothing ──WATCH──▶ watching ──MULTI──▶ collecting ──EXEC, DISCARD──▶ nothing
 *      └──────────────────MULTI───────────────▲   │
 *                                              └───┘ QUEUED
 *
 * WATCH and MULTI share one connection of one server, lent from the first key on until EXEC. Commands go to the
 * server as they come, so that it finds the same errors at the same time as without a door. What the door answers
 * itself is queued here and put between the server's replies when EXEC has been answered.
 *
 * A client is on one connection at a time: before the first command on the one lent all earlier ones are
 * answered, and behind EXEC nothing is read until its answer is there. So nobody overtakes himself.
 */
import type { Lease, LeaseHolder, Sink } from '../backend/backend.ts';
import { nowhere } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import {
  commandLike,
  DISCARD_NAME,
  MULTI_NAME,
  TRANSACTION,
  UNWATCH_NAME,
} from '../commands/own.ts';
import { type CommandSpec, Flag } from '../commands/spec.ts';
import { ByteQueue } from '../core/bytes.ts';
import { encodeArrayHead } from '../resp/encoder.ts';
import {
  DISCARD_WITHOUT_MULTI,
  EXEC_WITHOUT_MULTI,
  EXECABORT,
  type LinkError,
  MULTI_NESTED,
  NOT_IN_TRANSACTION,
  WATCH_INSIDE_MULTI,
} from '../resp/errors.ts';
import { skipValue } from '../resp/skip.ts';
import { ARRAY, BULK_ERROR, LF, MINUS, SIMPLE_ERROR, SIMPLE_STRING } from '../resp/types.ts';
import { error, NULL_ARRAY, OK, status, type Value } from '../resp/value.ts';
import { forward } from './forward.ts';
import { Gate } from './gate.ts';
import { Hold } from './hold.ts';
import { answerAside } from './local.ts';
import { Noted } from './monitors.ts';
import type { Session } from './session.ts';
import { refusalOf } from './unknown.ts';

const QUEUED = status('QUEUED');

export class Transaction implements LeaseHolder {
  readonly #session: Session;
  #lease: Lease | null = null;
  /** Keys are watched on the connection lent. */
  #watches = false;
  /** The connection that watched was lost: the next EXEC must not run. */
  #watchLost = false;
  #collecting = false;
  /** A command was not queued: EXEC will refuse. */
  #spoiled = false;
  /** The server has been told MULTI. */
  #begun = false;
  /** Commands in order: those the door answers, and null for each that the server has queued. */
  #queue: (Command | null)[] = [];
  /** EXEC has run, and what the door adds to its answer is awaited. */
  #isWeaving = false;
  /** What a monitor is shown when it runs. */
  readonly #noted = new Noted();
  /** Databases selected on the way, by the place of the command in the queue. */
  readonly #selections: Map<number, number> = new Map();

  constructor(session: Session) {
    this.#session = session;
  }

  get isCollecting(): boolean {
    return this.#collecting;
  }

  /** Nothing is collected, watched or lent. */
  get isIdle(): boolean {
    return !this.#collecting && this.#lease === null && !this.#watchLost;
  }

  get isWeaving(): boolean {
    return this.#isWeaving;
  }

  get queuedCount(): number {
    return this.#queue.length;
  }

  /** A command of the transaction itself. */
  handle(command: Command, spec: CommandSpec): void {
    switch (TRANSACTION[spec.name]) {
      case 'begin':
        this.#begin();
        break;
      case 'run':
        this.#run(command);
        break;
      case 'drop':
        this.#drop(command);
        break;
      case 'watch':
        this.#watch(command);
        break;
      case 'unwatch':
        this.#unwatch(command, spec);
        break;
    }
  }

  /** Any other command, while keys are watched or commands collected; false: it takes the usual way. */
  intercept(command: Command, spec: CommandSpec): boolean {
    if (spec.atOnce) return false;
    if (!this.#collecting) return this.#readWatched(command, spec);
    const before = this.#queue.length;
    this.#collect(command, spec);
    const isQueued = this.#queue.length > before;
    if (isQueued && this.#session.host.monitors.isOn) this.#noted.add(command);
    return true;
  }

  /** A command was refused before it came here. */
  spoil(): void {
    if (this.#collecting) this.#spoiled = true;
  }

  onLost(): void {
    this.#lease = null;
    if (this.#watches) this.#watchLost = true;
    this.#watches = false;
    if (this.#begun) this.#spoiled = true;
  }

  /** RESET, or the client has left: the server forgets all when its connection closes. */
  end(): void {
    const lease = this.#lease;
    this.#reset();
    this.#lease = null;
    this.#watches = false;
    this.#watchLost = false;
    lease?.abandon();
  }

  #begin(): void {
    const session = this.#session;
    if (this.#collecting) {
      session.answer(error(MULTI_NESTED));
      return;
    }
    if (session.postpone()) return;
    this.#collecting = true;
    session.gate(Gate.transaction, true);
    session.answer(OK);
  }

  #watch(command: Command): void {
    const session = this.#session;
    if (this.#collecting) {
      session.answer(error(WATCH_INSIDE_MULTI));
      return;
    }
    if (session.postpone()) return;
    const lease = this.#borrow(command);
    if (lease === null) return;
    session.gate(Gate.transaction, true);
    // What is read next must see a value that is watched already.
    session.hold(Hold.answer);
    lease.dispatch(
      command,
      this.#answering(session.open(command), (isError) => {
        if (!isError) this.#watches = true;
        else if (!this.#watches) this.#giveBack(false);
        session.release(Hold.answer);
      }),
    );
  }

  #unwatch(command: Command, spec: CommandSpec): void {
    const session = this.#session;
    if (this.#collecting) {
      this.#collect(command, spec);
      return;
    }
    this.#watchLost = false;
    const lease = this.#lease;
    if (lease === null) {
      session.gate(Gate.transaction, false);
      session.answer(OK);
      return;
    }
    this.#finish(command, lease);
  }

  /** Keys that are watched are read where they are watched, not on a replica or a link that may be ahead. */
  #readWatched(command: Command, spec: CommandSpec): boolean {
    const lease = this.#lease;
    if (lease === null || (spec.door !== 'route' && spec.door !== 'split')) return false;
    if (!lease.carries(command)) return false;
    forward(this.#session, lease, command, this.#session.open(command));
    return true;
  }

  #collect(command: Command, spec: CommandSpec): void {
    const session = this.#session;
    const isRefused = spec.door === 'refuse';
    // A server would run SUBSCRIBE, and answer EXEC with more elements than it announces.
    if ((spec.flags & Flag.no_multi) !== 0 || isRefused || spec.door === 'subscribe') {
      this.#spoiled = true;
      session.answer(error(isRefused ? refusalOf(spec) : NOT_IN_TRANSACTION));
      return;
    }
    const isSelect = TRANSACTION[spec.name] === 'select';
    const isHere =
      (spec.door === 'local' && !isSelect) || (spec.door === 'transaction' && this.#lease === null);
    if (isHere) {
      this.#queue.push(command.copy());
      session.answer(QUEUED);
      return;
    }
    const lease = this.#borrow(command);
    if (lease === null) {
      this.#spoiled = true;
      return;
    }
    if (!this.#begun) {
      this.#begun = true;
      lease.dispatch(commandLike(command, MULTI_NAME), this.#answering(nowhere, this.#spoilIf));
    }
    if (isSelect) this.#selections.set(this.#queue.length, Number(command.text(1)));
    this.#queue.push(null);
    forward(session, lease, command, this.#answering(session.open(command), this.#spoilIf));
  }

  readonly #spoilIf = (isError: boolean): void => {
    if (isError) this.#spoiled = true;
  };

  #run(command: Command): void {
    const session = this.#session;
    if (!this.#collecting) {
      session.answer(error(EXEC_WITHOUT_MULTI));
      return;
    }
    const lease = this.#lease;
    if (this.#spoiled || this.#watchLost) {
      this.#abort(command, this.#spoiled ? error(EXECABORT) : NULL_ARRAY);
      return;
    }
    for (const words of this.#noted.take()) session.host.monitors.showWords(words, session);
    const queue = this.#queue;
    const turn = session.open(command);
    session.hold(Hold.answer);
    const done = (bytes: Buffer, start: number, end: number): void => {
      const isMoved = this.#selections.size > 0;
      this.#followSelections(bytes, start);
      this.#reset();
      this.#giveBack(!isMoved);
      session.release(Hold.answer);
      turn.reply(bytes, start, end);
      this.#isWeaving = false;
      session.tracking?.pushLate();
    };
    if (lease === null) {
      answerAll(session, queue, (own) => weave(queue, own, EMPTY_ARRAY, done));
      return;
    }
    if (!this.#begun) {
      // Keys are watched and nothing is queued at the server: it still has to say whether they changed.
      lease.dispatch(commandLike(command, MULTI_NAME), nowhere);
    }
    lease.dispatch(command, {
      reply: (bytes, start, end) => {
        if (!isRun(bytes, start) || !queue.some(isOwn)) {
          done(bytes, start, end);
          return;
        }
        const reply = Buffer.from(bytes.subarray(start, end));
        this.#isWeaving = true;
        answerAll(session, queue, (own) => weave(queue, own, reply, done));
      },
      fail: (failure) => {
        this.#reset();
        this.#giveBack(false);
        session.release(Hold.answer);
        turn.fail(failure);
      },
    });
  }

  /** A SELECT inside holds for the client from now on, if it was run and worked. */
  #followSelections(bytes: Buffer, start: number): void {
    if (this.#selections.size === 0 || !isRun(bytes, start)) return;
    let at = bytes.indexOf(LF, start) + 1;
    for (let i = 0; i < this.#queue.length; i++) {
      const database = this.#selections.get(i);
      if (database !== undefined && bytes[at] === SIMPLE_STRING) this.#session.database = database;
      at = skipValue(bytes, at);
    }
  }

  #drop(command: Command): void {
    const session = this.#session;
    if (!this.#collecting) {
      session.answer(error(DISCARD_WITHOUT_MULTI));
      return;
    }
    const lease = this.#lease;
    const begun = this.#begun;
    this.#reset();
    this.#watchLost = false;
    if (lease === null) {
      session.gate(Gate.transaction, false);
      session.answer(OK);
    } else {
      // Without MULTI the server has only keys to forget.
      this.#finish(begun ? command : commandLike(command, UNWATCH_NAME), lease);
    }
  }

  /** EXEC that must not run. */
  #abort(command: Command, value: Value): void {
    const session = this.#session;
    const lease = this.#lease;
    const name = this.#begun ? DISCARD_NAME : UNWATCH_NAME;
    this.#reset();
    this.#watchLost = false;
    const answer = session.defer(command);
    if (lease === null) {
      session.gate(Gate.transaction, false);
      answer(value);
      return;
    }
    session.hold(Hold.answer);
    const end = (isError: boolean): void => {
      this.#giveBack(!isError);
      session.release(Hold.answer);
      answer(value);
    };
    lease.dispatch(commandLike(command, name), this.#answering(nowhere, end));
  }

  /** The last command on the connection lent: its answer is the client's, then the connection goes back. */
  #finish(command: Command, lease: Lease): void {
    const session = this.#session;
    session.hold(Hold.answer);
    lease.dispatch(
      command,
      this.#answering(session.open(command), (isError) => {
        this.#giveBack(!isError);
        session.release(Hold.answer);
      }),
    );
  }

  #reset(): void {
    this.#collecting = false;
    this.#spoiled = false;
    this.#begun = false;
    this.#queue = [];
    this.#noted.take();
    this.#selections.clear();
  }

  #giveBack(isClean: boolean): void {
    const lease = this.#lease;
    this.#lease = null;
    this.#watches = false;
    this.#session.gate(Gate.transaction, this.#collecting || this.#watchLost);
    if (isClean) lease?.release();
    else lease?.abandon();
  }

  /** The connection lent, from now on; null: refused, and the client has been told. */
  #borrow(command: Command): Lease | null {
    if (this.#lease !== null) return this.#lease;
    const lease = this.#session.backend.lease(command, this);
    if ('reply' in lease) {
      this.#session.answer(error(lease.reply));
      return null;
    }
    this.#lease = lease;
    return lease;
  }

  /** A sink that tells whether the answer was an error before it passes it on. */
  #answering(sink: Sink, then: (isError: boolean) => void): Sink {
    return {
      reply(bytes, start, end) {
        then(bytes[start] === SIMPLE_ERROR || bytes[start] === BULK_ERROR);
        sink.reply(bytes, start, end);
      },
      fail(failure: LinkError) {
        then(true);
        sink.fail(failure);
      },
    };
  }
}

const EMPTY_ARRAY: Buffer = Buffer.from('*0\r\n');

/** EXEC has run: the reply is an array, and not the null one. */
function isRun(bytes: Buffer, start: number): boolean {
  return bytes[start] === ARRAY && bytes[start + 1] !== MINUS;
}

function isOwn(entry: Command | null): boolean {
  return entry !== null;
}

/** Answers one after the other what the door has queued; `then` gets the replies in order. */
function answerAll(
  session: Session,
  queue: readonly (Command | null)[],
  then: (replies: readonly Buffer[]) => void,
): void {
  const own = queue.filter((entry) => entry !== null);
  const replies: Buffer[] = [];
  const next = (): void => {
    const command = own[replies.length];
    if (command === undefined || session.isClosed) {
      then(replies);
      return;
    }
    answerAside(session, command, (reply) => {
      replies.push(reply);
      next();
    });
  };
  next();
}

/** The array of EXEC: the server's elements and ours in the order of the commands. */
function weave(
  queue: readonly (Command | null)[],
  own: readonly Buffer[],
  reply: Buffer,
  done: (bytes: Buffer, start: number, end: number) => void,
): void {
  const out = new ByteQueue();
  encodeArrayHead(out, queue.length);
  let at = reply.indexOf(LF) + 1;
  let mine = 0;
  for (const entry of queue) {
    if (entry === null) {
      const next = skipValue(reply, at);
      out.append(reply, at, next);
      at = next;
    } else {
      const bytes = own[mine++] ?? EMPTY_ARRAY;
      out.append(bytes, 0, bytes.length);
    }
  }
  done(out.bytes, 0, out.length);
  out.clear();
}
