/**
 * One RESP client: its commands in, its replies out, in order.
 *
 *   socket ─▶ CommandDecoder ─▶ accept ─┬─ answered here ───────────────┐
 *                 ▲                     └─ Turn ─▶ backend … Turn.reply ─┤
 *                 │ hold: nothing is decoded                             ▼
 *                 └──────────── pause/resume ◀──── limits ────── out ──▶ socket (one write per turn of the loop)
 *
 * Back-pressure: a client with too many commands or bytes under way, or that does not read its replies, is
 * not read either. What it sent waits in the kernel, not here.
 */
import type { Socket } from 'node:net';
import type { Backend } from '../backend/backend.ts';
import { Command } from '../commands/command.ts';
import { checkArity, UNKNOWN } from '../commands/lookup.ts';
import { type CommandSpec, Flag } from '../commands/spec.ts';
import { Alarm } from '../core/alarm.ts';
import { ByteQueue, EMPTY } from '../core/bytes.ts';
import type { Flushable } from '../core/tick.ts';
import { CommandDecoder, FAULT, MORE } from '../resp/command-decoder.ts';
import { encoded, encodeValue } from '../resp/encoder.ts';
import { MONITOR_READS_NO_KEYS, NOAUTH, notWhileSubscribed } from '../resp/errors.ts';
import { BULK_ERROR, type Protocol, SIMPLE_ERROR } from '../resp/types.ts';
import { error, isError, type Value } from '../resp/value.ts';
import type { Aside } from './aside.ts';
import type { Wait } from './blocking.ts';
import { pass } from './doors.ts';
import { Gate } from './gate.ts';
import { Hold } from './hold.ts';
import type { SessionHost } from './host.ts';
import { strangerOf } from './login.ts';
import type { Monitor } from './monitors.ts';
import { Output } from './output.ts';
import { Stash } from './stash.ts';
import type { Subscriber } from './subscriber.ts';
import type { Tracking } from './tracking.ts';
import type { Transaction } from './transaction.ts';
import { openTurn, recycle, type Turn } from './turn.ts';
import { closeIfWeb, unknownCommand, wrongArity } from './unknown.ts';
import { Pace, type Paced } from './user-rate.ts';
import { DEFAULT_USER, type User } from './users.ts';

/** Replies not yet taken by the kernel beyond which the client is not read any more. */
const CONGESTED_BYTES = 1024 * 1024;
/** So much of a client that waits at a server is read ahead. */
const WAITING_BYTES_MAX = 64 * 1024;
/** What Redis does not let a monitor run. */
const KEYSPACE = Flag.write | Flag.readonly | Flag.may_replicate;

export class Session implements Flushable, Paced, Monitor {
  readonly id: number;
  /** What the listener is now; another one after a reload. */
  host: SessionHost;
  /** Who answers what is sent on: that of the host, but for a client that is tracked. */
  backend: Backend;
  readonly socket: Socket;
  readonly openedAt: number;
  /** Time of the last read, in the milliseconds of `Tick.now`. */
  activeAt: number;
  protocol: Protocol = 2;
  database = 0;
  user: User | null = null;
  /** What it logged in as; not always the name of `user`, see login.ts. */
  userName: string = DEFAULT_USER;
  name = '';
  libraryName = '';
  libraryVersion = '';
  /** Spec of the last command, for CLIENT LIST. */
  last: CommandSpec | null = null;
  noEvict = false;
  noTouch = false;
  /** null: subscribed to nothing, nor about to be. */
  subscriber: Subscriber | null = null;
  /** Commands under way. */
  turnsOpen = 0;
  #gate = 0;
  #hold = 0;
  readonly #pace = new Pace(this);
  /** Ends its login. */
  readonly expiry: Alarm = new Alarm();
  /** The command at hand was accepted before and put back: it is not counted again. */
  #isAgain = false;
  /** CLIENT REPLY: replies are dropped; after SKIP only the next one. */
  #replyMode: 'on' | 'off' | 'skip' | 'skipping' = 'on';
  #inFlightBytes = 0;
  #head: Turn | null = null;
  #tail: Turn | null = null;
  #dirty = false;
  #closed = false;
  #reading = true;
  /** The command under way; the decoder fills it anew for each. */
  readonly #command = new Command(UNKNOWN, EMPTY);
  readonly #decoder: CommandDecoder;
  readonly #output: Output;
  /** Its bytes. */
  readonly #out: ByteQueue;
  readonly #stash = new Stash();
  /** Made when the first command of one comes. */
  transaction: Transaction | null = null;
  /** Null: the client is not told what changes. */
  tracking: Tracking | null = null;
  /** The client waits at a server. */
  wait: Wait | null = null;
  /** Where the answer of a command goes that is run inside EXEC. */
  aside: Aside | null = null;

  constructor(id: number, socket: Socket, host: SessionHost) {
    this.id = id;
    this.host = host;
    this.backend = host.backend;
    this.socket = socket;
    this.openedAt = Date.now();
    this.activeAt = host.tick.now;
    this.#decoder = new CommandDecoder(host.limits, this.#command);
    this.#output = new Output(socket, () => this.#onDrain());
    this.#out = this.#output.queue;
    this.becomeUser(strangerOf(host));
    socket.on('drain', () => this.#onDrain());
    socket.on('end', () => this.#onEnd());
    socket.on('error', () => this.close());
    socket.on('close', () => this.close());
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get isAuthenticated(): boolean {
    return (this.#gate & Gate.authentication) === 0;
  }

  /** It would like to be read, and is not. */
  get isHeldBack(): boolean {
    return (this.#hold & (Hold.rate | Hold.paused)) !== 0;
  }

  get queryBytes(): number {
    return this.#decoder.carriedBytes;
  }

  get outputBytes(): number {
    return this.#output.held;
  }

  get isSubscribed(): boolean {
    return this.subscriber !== null && this.subscriber.size > 0;
  }

  /** null: may do everything; undefined: not logged in. */
  becomeUser(user: User | null | undefined, name: string = user?.name ?? DEFAULT_USER): void {
    this.expiry.clear();
    this.changeRights(user, name);
  }

  /** The same client, which may do something else from now on. */
  changeRights(user: User | null | undefined, name: string): void {
    this.user = user ?? null;
    this.userName = name;
    this.#pace.follow(this.user?.rate ?? null);
    if (user === undefined) this.setMonitor(false);
    this.release(Hold.rate);
    this.#gate &= ~(Gate.authentication | Gate.permissions);
    if (user === undefined) this.#gate |= Gate.authentication;
    else if (user !== null && !user.isUnlimited) this.#gate |= Gate.permissions;
    this.#decoder.authenticated = user !== undefined;
  }

  /** Other rules from now on. What is under way ends first: on another link a later command could overtake it. */
  adopt(host: SessionHost): void {
    this.host = host;
    if (this.tracking === null) this.backend = host.backend;
    else this.tracking.renewSoon();
    this.#decoder.limits = host.limits;
    this.subscriber?.adopt(host.channels);
    // Who waits at a server is held already, and still listened to.
    if (this.#head !== null && this.wait === null) this.hold(Hold.turns);
  }

  get isMonitor(): boolean {
    return (this.#gate & Gate.monitor) !== 0;
  }

  setMonitor(isMonitor: boolean): void {
    this.gate(Gate.monitor, isMonitor);
    if (isMonitor) this.host.monitors.add(this);
    else this.host.monitors.remove(this);
  }

  setReplyMode(mode: 'on' | 'off' | 'skip'): void {
    // SKIP says nothing while replies are OFF, as in Redis.
    if (mode === 'skip' && this.#replyMode === 'off') return;
    this.#replyMode = mode;
    this.gate(Gate.silence, mode !== 'on');
  }

  /** CLIENT PAUSE and UNPAUSE, for this session. */
  setPause(mode: 'all' | 'write' | 'none'): void {
    this.gate(Gate.pausedWrites, mode === 'write');
    if (mode === 'all') this.hold(Hold.paused);
    else this.release(Hold.paused);
  }

  /** Bytes came from the client; the chunk is used again after the call. */
  onChunk(length: number, chunk: Buffer): void {
    const { tick, figures } = this.host;
    tick.begin();
    this.activeAt = tick.now;
    figures.bytesRead += length;
    this.#decoder.push(chunk, length);
    this.#drain();
  }

  /** Decodes and runs commands as long as nothing holds. */
  #drain(): void {
    const decoder = this.#decoder;
    while (this.#hold === 0) {
      const state = decoder.next();
      if (state === MORE) break;
      if (state === FAULT) {
        this.host.figures.protocolErrors++;
        this.answer(error(`ERR Protocol error: ${decoder.fault}`));
        this.finish();
        break;
      }
      this.#accept(this.#command);
    }
    decoder.settle();
    if (this.#hold !== 0) this.#pauseReading();
  }

  /** What the client sends waits in the kernel; but one that waits at a server is read on, to hear it leave. */
  #pauseReading(): void {
    if (!this.#reading || this.#closed) return;
    if (this.#hold === Hold.waiting && this.#decoder.carriedBytes < WAITING_BYTES_MAX) return;
    this.#reading = false;
    this.socket.pause();
  }

  #accept(command: Command): void {
    const { host } = this;
    if (this.#isAgain) this.#isAgain = false;
    else {
      if (!this.#pace.admits()) {
        host.figures.rateLimited++;
        this.#decoder.unread();
        this.hold(Hold.rate);
        return;
      }
      host.figures.commands++;
    }
    const spec = host.table.resolve(command);
    if (spec === undefined) {
      if (closeIfWeb(this, command)) return;
      this.#refuse(command, UNKNOWN, unknownCommand(this, command));
      return;
    }
    command.spec = spec;
    this.last = spec;
    if (!checkArity(spec, command.argc)) {
      this.#refuse(command, spec, wrongArity(spec));
      return;
    }
    if (this.#gate !== 0 && !this.#passGate(command, spec)) return;
    this.#address(command);
    const { door } = spec;
    if (door === 'route' || door === 'all' || door === 'split') {
      this.backend.dispatch(command, this.open(command));
    } else if (!pass(this, command, spec)) {
      return;
    }
    // After the answer, as Redis does it. The command is still whole: nothing was decoded since.
    if (host.monitors.isOn && !this.#isAgain) host.monitors.show(command, this);
  }

  /** The slower checks, for clients that need one of them; false if the command was dealt with. */
  #passGate(command: Command, spec: CommandSpec): boolean {
    if ((this.#gate & Gate.authentication) !== 0 && (spec.flags & Flag.no_auth) === 0) {
      this.#refuse(command, spec, NOAUTH);
      return false;
    }
    if ((this.#gate & Gate.permissions) !== 0) {
      const denial = this.user!.denialOf(command, spec);
      if (denial !== null) {
        this.host.figures.denied++;
        this.#refuse(command, spec, denial);
        return false;
      }
    }
    if ((this.#gate & Gate.subscribed) !== 0) {
      if (this.subscriber!.mustWait(spec) && this.postpone()) return false;
      if (!this.subscriber!.allows(command, spec)) {
        this.#refuse(command, spec, notWhileSubscribed(spec.name));
        return false;
      }
    }
    if ((this.#gate & Gate.monitor) !== 0 && (spec.flags & KEYSPACE) !== 0) {
      this.#refuse(command, spec, MONITOR_READS_NO_KEYS);
      return false;
    }
    if ((this.#gate & Gate.pausedWrites) !== 0 && spec.isWrite) {
      this.#putBack();
      this.hold(Hold.paused);
      return false;
    }
    if (this.#replyMode === 'skip') this.#replyMode = 'skipping';
    if ((this.#gate & Gate.transaction) === 0 || spec.door === 'transaction') return true;
    this.#address(command);
    const transaction = this.transaction!;
    if (!transaction.intercept(command, spec)) return true;
    // What is collected is shown when EXEC runs it.
    const { monitors } = this.host;
    if (monitors.isOn && !transaction.isCollecting) monitors.show(command, this);
    return false;
  }

  #refuse(command: Command, spec: CommandSpec, text: string): void {
    if (this.#replyMode === 'skip') this.#replyMode = 'skipping';
    command.spec = spec;
    this.transaction?.spoil();
    this.answer(error(text));
  }

  /** Whose command it is, and in which database and protocol. */
  #address(command: Command): void {
    command.database = this.database;
    command.protocol = this.protocol;
    command.affinity = this.id;
  }

  /** A turn for a command that somebody else answers. */
  open(command: Command): Turn {
    const size = command.end - command.start;
    const turn = openTurn(this, size, this.host.tick.now);
    if (this.#tail === null) this.#head = turn;
    else this.#tail.next = turn;
    this.#tail = turn;
    if (this.#replyMode !== 'on') this.#silence(turn);
    const { limits } = this.host;
    this.#inFlightBytes += size;
    if (++this.turnsOpen >= limits.pipelineMax || this.#inFlightBytes >= limits.inFlightBytesMax) {
      this.#hold |= Hold.full;
    }
    return turn;
  }

  /**
   * Earlier commands are under way: the one at hand is put back, and read again when all are answered. For
   * what changes protocol or database, and with it the links: on another link it could overtake them.
   */
  postpone(): boolean {
    // Inside EXEC all earlier ones are answered, and nothing later is read.
    if (this.#head === null || this.aside !== null) return false;
    this.#putBack();
    this.hold(Hold.turns);
    return true;
  }

  /** Nothing more is read until all that is under way is answered. */
  awaitTurns(): void {
    if (this.#head !== null) this.hold(Hold.turns);
  }

  setTracking(tracking: Tracking | null): void {
    this.tracking = tracking;
    this.backend = tracking ?? this.host.backend;
  }

  /** For this reason commands get a closer look from now on, or none any more. */
  gate(reason: number, isOn: boolean): void {
    if (isOn) this.#gate |= reason;
    else this.#gate &= ~reason;
  }

  /** Adds to what the client reads, between two replies. */
  say(text: string): void {
    if ((this.#hold & Hold.closing) !== 0 || this.#replyMode === 'off') return;
    this.#out.appendLatin1(text);
    this.#mark();
  }

  #putBack(): void {
    this.#decoder.unread();
    this.#isAgain = true;
  }

  runNext(): void {
    this.release(Hold.rate);
    if (this.#hold !== 0) return;
    this.host.tick.begin();
    this.#resume();
  }

  /** Answers the command under way with a value made here, in its turn. */
  answer(value: Value): void {
    const { aside } = this;
    if (aside !== null) {
      aside.take()(encoded(value, this.protocol));
      return;
    }
    if (this.#head === null && this.#replyMode === 'on') {
      if (isError(value)) this.host.figures.errorReplies++;
      this.host.figures.latency.record(0);
      encodeValue(this.#out, value, this.protocol);
      this.#mark();
      return;
    }
    this.defer(this.#command)(value);
  }

  /** Takes the turn of the command under way; the value is given to the function returned, now or later. */
  defer(command: Command): (value: Value) => void {
    const { aside } = this;
    if (aside !== null) {
      const then = aside.take();
      return (value) => then(encoded(value, this.protocol));
    }
    const turn = this.open(command);
    return (value) => {
      const out = new ByteQueue();
      encodeValue(out, value, this.protocol);
      turn.reply(out.bytes, 0, out.length);
      out.clear();
    };
  }

  /** A turn got its reply: written if it is its turn, else held until it is. */
  settle(turn: Turn, bytes: Buffer, start: number, end: number): void {
    const { figures, tick } = this.host;
    const type = bytes[start];
    if (type === SIMPLE_ERROR || type === BULK_ERROR) figures.errorReplies++;
    figures.latency.record(tick.now - turn.startedAt);
    if (turn !== this.#head) {
      if (turn.silent) return;
      const held = this.#stash.hold(turn, bytes, start, end);
      if (held > this.host.limits.outputBytesMax) this.#closeForOutput(held);
      return;
    }
    if (!turn.silent) this.#out.append(bytes, start, end);
    this.#advance();
  }

  /** Writes what no command asked for, between replies: messages. */
  push(bytes: Buffer, start: number, end: number): void {
    if (this.#closed) return;
    this.#out.append(bytes, start, end);
    if (this.#out.length > this.host.limits.outputBytesMax) this.#closeForOutput(this.#out.length);
    else this.#mark();
  }

  /** The same for many bytes that others are sent too, and that nobody changes: they are not copied. */
  pushShared(bytes: Buffer): void {
    if (this.#closed) return;
    this.host.figures.bytesWritten += this.#output.writeShared(bytes);
    this.#checkOutput();
  }

  /** The head is answered: it leaves, and with it those behind it that were answered before. */
  #advance(): void {
    let turn = this.#leave(this.#head!);
    while (turn !== null && !turn.waits) {
      if (!turn.silent) this.#stash.writeTo(this.#out, turn);
      turn = this.#leave(turn);
    }
    this.#head = turn;
    if (turn === null) {
      this.#tail = null;
      this.#hold &= ~Hold.turns;
    }
    this.#stash.tidy(turn);
    if ((this.#hold & Hold.full) !== 0) this.#checkFull();
    this.#mark();
  }

  #leave(turn: Turn): Turn | null {
    const { next } = turn;
    this.turnsOpen--;
    this.#inFlightBytes -= turn.requestBytes;
    recycle(turn);
    return next;
  }

  #checkFull(): void {
    const { limits } = this.host;
    if (this.turnsOpen > limits.pipelineMax / 2) return;
    if (this.#inFlightBytes > limits.inFlightBytesMax / 2) return;
    this.#hold &= ~Hold.full;
  }

  /** End of the loop's turn: go on with what was held back, then write once. */
  flush(): void {
    this.#dirty = false;
    if (this.#closed) return;
    if (this.#hold === 0 && (!this.#reading || this.#decoder.hasRest)) this.#resume();
    const out = this.#out;
    if (out.length > 0) {
      this.host.figures.bytesWritten += this.#output.write();
      this.#checkOutput();
    }
    const isDone = this.#head === null && out.length === 0;
    if ((this.#hold & Hold.closing) !== 0 && isDone) this.socket.destroySoon();
  }

  #checkOutput(): void {
    const held = this.outputBytes;
    if (held > this.host.limits.outputBytesMax) this.#closeForOutput(held);
    else if (held > CONGESTED_BYTES) this.#hold |= Hold.congested;
  }

  /** Replies wait, for the client or for an earlier one of them, and are more than anyone should hold. */
  #closeForOutput(bytes: number): void {
    this.host.figures.slowReadersClosed++;
    if (this.isSubscribed) this.host.figures.slowSubscribersClosed++;
    this.host.clients.log.warn(
      { client: this.id, bytes },
      'client closed: too many bytes of replies wait for it',
    );
    this.close();
  }

  #onDrain(): void {
    this.#output.takeBack();
    if ((this.#hold & Hold.congested) !== 0) this.release(Hold.congested);
    if (this.#out.length > 0) this.#mark();
  }

  #resume(): void {
    this.#drain();
    if (this.#hold === 0 && !this.#reading) {
      this.#reading = true;
      this.socket.resume();
    }
  }

  /** Stops decoding until `release` of the same reason. */
  hold(reason: number): void {
    this.#hold |= reason;
    this.#pauseReading();
  }

  release(reason: number): void {
    if ((this.#hold & reason) === 0) return;
    this.#hold &= ~reason;
    this.#mark();
  }

  #mark(): void {
    if (this.#dirty || this.#closed) return;
    this.#dirty = true;
    this.host.tick.markClient(this);
  }

  #silence(turn: Turn): void {
    turn.silent = this.#replyMode !== 'skip';
    if (this.#replyMode === 'skipping') this.setReplyMode('on');
  }

  /** Answers what is under way, then closes. */
  finish(): void {
    this.hold(Hold.closing);
    this.#mark();
  }

  /** The client closed its sending side: what it asked is still answered. */
  #onEnd(): void {
    this.host.tick.begin();
    // Nobody will take what the server might still give: as with Redis, it is not taken.
    if (this.wait !== null) this.close();
    else this.finish();
  }

  /** Closes at once. Replies to come for it are dropped in their place. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.socket.destroy();
    this.subscriber?.release();
    let turn = this.#head;
    while (turn !== null) {
      const next: Turn | null = turn.next;
      if (turn.waits) turn.session = null;
      else recycle(turn);
      turn = next;
    }
    this.#head = null;
    this.#tail = null;
    this.#out.clear();
    this.#stash.clear();
    this.#hold |= Hold.closing;
    this.transaction?.end();
    this.wait?.abandon();
    this.tracking?.end();
    this.#pace.follow(null);
    this.expiry.clear();
    this.setMonitor(false);
    this.host.onClosed(this);
  }
}
