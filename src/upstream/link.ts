/**
 * One pipelined connection to one server, in one protocol and one database for its whole life.
 *
 *   dispatch ─▶ WriteLog ──flush once per turn──▶ socket ──▶ server
 *      └─────▶ Pending (sink per command) ◀──shift per reply── ReplyDecoder ◀── socket
 *
 * Invariant: the n-th reply read belongs to the n-th command written. Hence an entry of Pending leaves only
 * with its reply or with the link; a command that is given up keeps its place without a sink.
 *
 * Commands may come while the socket is still connecting: they wait in the log. Nothing is sent twice
 * here; what becomes of commands whose link died is the owner's decision (`Orphan`).
 */
import type { Socket } from 'node:net';
import { nowhere, type Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { specByName } from '../commands/lookup.ts';
import { asking } from '../commands/own.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { assert } from '../core/assert.ts';
import type { Flushable, Tick } from '../core/tick.ts';
import { FAULT, READY } from '../resp/command-decoder.ts';
import { type LinkError, linkError } from '../resp/errors.ts';
import { ReplyDecoder, type ReplyLimits } from '../resp/reply-decoder.ts';
import type { Protocol } from '../resp/types.ts';
import { BULK_ERROR, INTEGER, LF, PUSH, SIMPLE_ERROR } from '../resp/types.ts';
import { type Address, dial, type TlsOptions } from './dial.ts';
import type { CommandTally, ServerFigures } from './figures.ts';
import { type Credentials, type Greeting, greeting } from './handshake.ts';
import { type Orphan, overtakenIn, type RefusedCommand } from './orphan.ts';
import { Pending } from './pending.ts';
import { WriteLog } from './write-log.ts';

export interface LinkOptions {
  readonly address: Address;
  readonly tls: TlsOptions | null;
  readonly connectTimeoutMs: number;
  /** From dispatch to reply; 0: none. */
  readonly opTimeoutMs: number;
  /** Commands under way at most; one more fails with `busy`. */
  readonly pendingMax: number;
  /** Bytes of commands under way at most. */
  readonly pendingBytesMax: number;
  readonly reply: ReplyLimits;
  /** Greater than 0: bytes are held back until so many wait or `flushTimeoutMs` passed. */
  readonly flushBytesMin: number;
  readonly flushTimeoutMs: number;
  /** A replica is to answer reads itself: READONLY is part of the greeting. */
  readonly readsReplica?: boolean;
}

export interface LinkIdentity {
  readonly protocol: Protocol;
  readonly database: number;
  readonly credentials: Credentials | null;
  /** The server is asked for the number of this connection: see `serverClientId`. */
  readonly asksId?: boolean;
}

export interface LinkOwner {
  onReady(link: Link): void;
  /** The link is gone. Every orphan's sink is to be answered; they come in the order of their sending. */
  onClosed(link: Link, error: LinkError, orphans: readonly Orphan[]): void;
  /** A command ran out of time. */
  onTimeout(): void;
  /** The server answered with an error; valid during the call. True: the owner wants the command itself. */
  onErrorReply(bytes: Buffer, start: number, end: number): boolean;
  /** The command of which `onErrorReply` said so; its sink is to be answered. */
  onRefused(refusal: RefusedCommand): void;
  /** What answers no command; valid during the call. */
  onPush(bytes: Buffer, start: number, end: number): void;
  /** Bytes came: the server lives. */
  onAlive(): void;
}

/** After so many times the command time-out without one byte the connection counts as dead. */
const SILENCE_FACTOR = 3;
const SILENCE_MS_MIN = 1000;
/** More than this waits in the socket: the server does not read, and we keep the rest. */
const SOCKET_BYTES_MAX = 1024 * 1024;

type State = 'connecting' | 'greeting' | 'pausing' | 'ready' | 'closed';

export class Link implements Flushable {
  readonly protocol: Protocol;
  readonly database: number;
  /** What the server calls this connection; 0: not asked, or it does not say. */
  serverClientId = 0;
  readonly #options: LinkOptions;
  readonly #owner: LinkOwner;
  readonly #tick: Tick;
  readonly #figures: ServerFigures;
  readonly #tally: CommandTally;
  readonly #greeting: Greeting;
  readonly #socket: Socket;
  readonly #decoder: ReplyDecoder;
  readonly #pending = new Pending();
  readonly #log = new WriteLog();
  #state: State = 'connecting';
  #greeted = 0;
  /** Marked for the flush of this turn. */
  #dirty = false;
  /** Entries that timed out unsent and whose bytes must be passed over. */
  #voids = 0;
  /** End of the last command that was answered, in the log. */
  #releasedEnd = 0;
  #lastReadAt: number;
  #timer: NodeJS.Timeout | null = null;
  #flushTimer: NodeJS.Timeout | null = null;
  /** Bounds the time to the greeting's end, then that of a pause. */
  #stateTimer: NodeJS.Timeout | null = null;
  /** Nothing is written before this time: see `pause`. */
  #notBefore = 0;

  constructor(
    options: LinkOptions,
    identity: LinkIdentity,
    owner: LinkOwner,
    tick: Tick,
    figures: ServerFigures,
    tally: CommandTally,
  ) {
    this.protocol = identity.protocol;
    this.database = identity.database;
    this.#options = options;
    this.#owner = owner;
    this.#tick = tick;
    this.#figures = figures;
    this.#tally = tally;
    const { protocol, database, credentials, asksId = false } = identity;
    this.#greeting = greeting(protocol, database, credentials, asksId, options.readsReplica);
    this.#decoder = new ReplyDecoder(options.reply);
    tick.begin();
    this.#lastReadAt = tick.now;
    this.#stateTimer = setTimeout(() => {
      this.#end(
        linkError(
          'connect',
          `no ${options.tls === null ? '' : 'TLS '}connection made in ${options.connectTimeoutMs} ms`,
        ),
      );
    }, options.connectTimeoutMs);
    figures.connectionsOpened++;
    figures.connectionsActive++;
    this.#socket = dial(
      options.address,
      options.tls,
      (length, chunk) => this.#onChunk(length, chunk),
      () => this.#onConnect(),
    );
    this.#socket.on('drain', () => this.#onDrain());
    this.#socket.on('error', (cause) => this.#onError(cause));
    this.#socket.on('end', () =>
      this.#end(linkError('closed', 'the server closed the connection')),
    );
    this.#socket.on('close', () => this.#end(linkError('closed', 'the connection was lost')));
  }

  get isReady(): boolean {
    return this.#state === 'ready';
  }

  get isIdle(): boolean {
    return this.#pending.length === 0;
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Appends the command's bytes and remembers who waits. */
  dispatch(command: Command, sink: Sink): void {
    const { bytes, start, end, spec, affinity } = command;
    this.#send(bytes, start, end, spec, sink, affinity, 0);
  }

  /** As `dispatch`, for bytes that are no Command. */
  send(bytes: Buffer, spec: CommandSpec, sink: Sink): void {
    this.#send(bytes, 0, bytes.length, spec, sink, 0, 0);
  }

  /**
   * ASKING and the command in one piece: nobody's command comes between them, and both are written or neither.
   * ASKING is nobody's: a read before it is not overtaken by it.
   */
  dispatchAsking(command: Command, sink: Sink): void {
    const { bytes, start, end, spec, affinity } = command;
    const joined = Buffer.concat([ASKING, bytes.subarray(start, end)]);
    const before = this.#log.appended;
    this.#send(joined, 0, joined.length, spec, sink, affinity, 0, before + ASKING.length);
  }

  /** Shows commands of one client that are under way, in order; `sink` null: given up, but perhaps still done. */
  eachUnderWay(
    affinity: number,
    visit: (bytes: Buffer, spec: CommandSpec, sink: Sink | null) => void,
  ): void {
    const pending = this.#pending;
    for (let entry = pending.head; entry < pending.tail; entry++) {
      const slot = entry & pending.mask;
      if (pending.affinities[slot] !== affinity || pending.voids[slot] === 1) continue;
      const bytes = this.#log.read(this.#startOf(entry), pending.ends[slot]!);
      visit(bytes, pending.specs[slot]!, pending.sinks[slot]!);
    }
  }

  /** Sends a command of a lost link once more. */
  resend({ bytes, spec, sink, affinity, attempt }: Orphan): void {
    this.#send(bytes, 0, bytes.length, spec, sink, affinity, attempt + 1);
  }

  /** Commands wait here for so long at least before they are written; for a link just opened. */
  pause(ms: number): void {
    assert(this.#state === 'connecting', 'only a new link pauses');
    this.#notBefore = this.#tick.now + ms;
  }

  #send(
    bytes: Buffer,
    start: number,
    end: number,
    spec: CommandSpec,
    sink: Sink,
    affinity: number,
    attempt: number,
    askingEnd = 0,
  ): void {
    assert(this.#state !== 'closed', 'a closed link takes no commands');
    // Timers send too (health checks, retries): a time of long ago would be a time-out at once.
    this.#tick.begin();
    const pending = this.#pending;
    const log = this.#log;
    if (
      pending.tail - pending.head >= this.#options.pendingMax ||
      log.heldBytes + end - start > this.#options.pendingBytesMax
    ) {
      // One command may exceed the limit of bytes, or it could never pass.
      if (pending.length > 0) {
        this.#figures.failures.busy++;
        sink.fail(BUSY);
        return;
      }
    }
    log.append(bytes, start, end);
    if (askingEnd > 0) {
      pending.push(nowhere, ASKING_SPEC, this.#tick.now, askingEnd, NOBODY, 0);
      this.#figures.requests++;
    }
    pending.push(sink, spec, this.#tick.now, log.appended, affinity, attempt);
    this.#figures.requests++;
    if (this.#timer === null) this.#armTimer();
    this.#mark();
  }

  #mark(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    this.#tick.markUpstream(this);
  }

  /** Writes what came in this turn. */
  flush(): void {
    this.#dirty = false;
    if (this.#state !== 'ready') return;
    const log = this.#log;
    const waiting = log.appended - log.flushed;
    if (waiting === 0) return;
    if (waiting < this.#options.flushBytesMin) {
      this.#flushTimer ??= setTimeout(() => this.#write(), this.#options.flushTimeoutMs);
      return;
    }
    this.#write();
  }

  /** Closes at once; commands under way become orphans. */
  destroy(error: LinkError): void {
    this.#end(error);
  }

  #write(): void {
    if (this.#flushTimer !== null) clearTimeout(this.#flushTimer);
    this.#flushTimer = null;
    if (this.#state !== 'ready' || this.#socket.writableLength > SOCKET_BYTES_MAX) return;
    const log = this.#log;
    const before = log.flushed;
    if (this.#voids > 0) this.#writeAroundVoids();
    log.flush(log.appended, (bytes) => this.#socket.write(bytes));
    this.#figures.bytesWritten += log.flushed - before;
  }

  /** The rare case: some commands timed out while they waited here, and must not reach the server now. */
  #writeAroundVoids(): void {
    const pending = this.#pending;
    const log = this.#log;
    for (let i = pending.head; i < pending.tail && this.#voids > 0; i++) {
      const slot = i & pending.mask;
      if (pending.voids[slot] === 0 || pending.ends[slot]! <= log.flushed) continue;
      const start = this.#startOf(i);
      if (start > log.flushed) log.flush(start, (bytes) => this.#socket.write(bytes));
      log.skipTo(pending.ends[slot]!);
      this.#voids--;
    }
    this.#shiftVoids();
  }

  #startOf(entry: number): number {
    const pending = this.#pending;
    // The head's predecessor is gone, but nothing before it is in the log that is not released.
    return entry === pending.head ? this.#releasedEnd : pending.ends[(entry - 1) & pending.mask]!;
  }

  #onConnect(): void {
    if (this.#state !== 'connecting') return;
    if (this.#greeting.steps.length === 0) {
      this.#onGreeted();
      return;
    }
    this.#state = 'greeting';
    this.#socket.write(this.#greeting.bytes);
  }

  #onGreeted(): void {
    if (this.#stateTimer !== null) clearTimeout(this.#stateTimer);
    this.#stateTimer = null;
    const pauseMs = this.#notBefore - performance.now();
    if (pauseMs <= 0) {
      this.#becomeReady();
      return;
    }
    this.#state = 'pausing';
    this.#stateTimer = setTimeout(() => {
      this.#stateTimer = null;
      this.#tick.begin();
      this.#becomeReady();
    }, pauseMs);
  }

  #becomeReady(): void {
    this.#state = 'ready';
    this.#owner.onReady(this);
    // Not written here: what else stands in this read was said before the first command, and answers none.
    this.#mark();
  }

  #onChunk(length: number, chunk: Buffer): void {
    if (this.#state === 'closed') return;
    const tick = this.#tick;
    tick.begin();
    this.#lastReadAt = tick.now;
    this.#figures.bytesRead += length;
    const decoder = this.#decoder;
    decoder.push(chunk, length);
    let state = decoder.next();
    while (state === READY) {
      if (decoder.bytes[decoder.start] === PUSH) {
        this.#owner.onPush(decoder.bytes, decoder.start, decoder.end);
      } else if (this.#state === 'ready') {
        if (!this.#answer(decoder.bytes, decoder.start, decoder.end)) return;
      } else if (!this.#onGreeting(decoder.bytes, decoder.start, decoder.end)) {
        return;
      }
      state = decoder.next();
    }
    if (state === FAULT) {
      this.#end(linkError('protocol', 'the server sent what is not RESP'));
      return;
    }
    decoder.settle();
    this.#release();
    this.#owner.onAlive();
  }

  /** Gives one reply to whoever waits first; false once the link is closed. */
  #answer(bytes: Buffer, start: number, end: number): boolean {
    const pending = this.#pending;
    if (this.#voids > 0 || pending.voids[pending.head & pending.mask] === 1) this.#shiftVoids();
    if (pending.head === pending.tail || this.#headEnd() > this.#log.flushed) {
      this.#end(unasked(bytes, start, end));
      return false;
    }
    const slot = pending.shift();
    const begin = this.#releasedEnd;
    this.#releasedEnd = pending.ends[slot]!;
    const figures = this.#figures;
    const row = this.#tally.row(pending.specs[slot]!.id);
    const type = bytes[start];
    let isTaken = false;
    figures.replies++;
    row.replies++;
    if (type === SIMPLE_ERROR || type === BULK_ERROR) {
      figures.errorReplies++;
      row.errors++;
      isTaken = this.#owner.onErrorReply(bytes, start, end);
    }
    const latency = this.#tick.now - pending.times[slot]!;
    figures.latency.record(latency);
    row.latency.record(latency);
    const sink = pending.sinks[slot]!;
    if (sink !== null) {
      pending.sinks[slot] = null;
      if (!isTaken) sink.reply(bytes, start, end);
      else this.#refuse(slot, begin, sink, bytes.toString('latin1', start + 1, end - 2));
    }
    return this.#state === 'ready';
  }

  #refuse(slot: number, begin: number, sink: Sink, text: string): void {
    const pending = this.#pending;
    this.#owner.onRefused({
      sink,
      spec: pending.specs[slot]!,
      bytes: this.#log.read(begin, pending.ends[slot]!),
      affinity: pending.affinities[slot]!,
      attempt: pending.attempts[slot]!,
      unsent: false,
      answered: true,
      overtaken: false,
      sentAt: pending.times[slot]!,
      text,
    });
  }

  #release(): void {
    this.#log.release(this.#releasedEnd, this.#socket.writableLength);
  }

  #headEnd(): number {
    const pending = this.#pending;
    return pending.ends[pending.head & pending.mask]!;
  }

  /** Entries that were never sent get no reply: they leave when they come to the head. */
  #shiftVoids(): void {
    const pending = this.#pending;
    while (pending.length > 0 && pending.voids[pending.head & pending.mask] === 1) {
      const slot = pending.head & pending.mask;
      if (pending.ends[slot]! > this.#log.flushed) {
        this.#log.skipTo(pending.ends[slot]!);
        this.#voids--;
      }
      pending.shift();
      this.#releasedEnd = pending.ends[slot]!;
    }
  }

  #onGreeting(bytes: Buffer, start: number, end: number): boolean {
    const step = this.#greeting.steps[this.#greeted++];
    if (step === undefined) {
      this.#end(unasked(bytes, start, end));
      return false;
    }
    const type = bytes[start];
    if (step === 'id') {
      // An error here is no reason to do without the connection: waits on it just cannot be ended early.
      if (type === INTEGER) this.serverClientId = Number(bytes.toString('latin1', start + 1, end));
    } else if (type === SIMPLE_ERROR || type === BULK_ERROR) {
      const from = type === BULK_ERROR ? bytes.indexOf(LF, start) : start;
      const text = bytes.toString('latin1', from + 1, end - 2);
      this.#end(
        linkError(
          'handshake',
          `the server refused ${step}: ${text}`,
          step === 'select' ? text : undefined,
        ),
      );
      return false;
    }
    if (this.#greeted === this.#greeting.steps.length) this.#onGreeted();
    return true;
  }

  #onDrain(): void {
    this.#tick.begin();
    if (this.#log.appended > this.#log.flushed) this.#write();
  }

  #onError(cause: NodeJS.ErrnoException): void {
    const code = this.#state === 'ready' ? 'closed' : 'connect';
    this.#end(linkError(code, cause.message));
  }

  #armTimer(): void {
    const { opTimeoutMs } = this.#options;
    if (opTimeoutMs === 0) return;
    const pending = this.#pending;
    const slot = pending.cursor & pending.mask;
    const due = pending.times[slot]! + opTimeoutMs - performance.now();
    this.#timer = setTimeout(() => this.#onTimer(), Math.max(1, Math.ceil(due)));
  }

  /** Fails what is overdue. One timer at a time: it is set for the oldest command, not moved by replies. */
  #onTimer(): void {
    this.#timer = null;
    this.#tick.begin();
    this.#shiftVoids();
    this.#release();
    const pending = this.#pending;
    const now = performance.now();
    const overdue = now - this.#options.opTimeoutMs;
    while (pending.cursor < pending.tail) {
      const slot = pending.cursor & pending.mask;
      if (pending.times[slot]! > overdue) break;
      pending.cursor++;
      this.#expire(slot);
      if (this.#state === 'closed') return;
    }
    if (this.#isDead(now)) {
      this.#end(linkError('timeout', 'the server has been silent for too long'));
      return;
    }
    if (pending.cursor < pending.tail) this.#armTimer();
    else if (pending.head < pending.tail) {
      // All are expired: look again whether the server came back.
      this.#timer = setTimeout(() => this.#onTimer(), this.#options.opTimeoutMs);
    }
  }

  #expire(slot: number): void {
    const pending = this.#pending;
    const sink = pending.sinks[slot]!;
    if (pending.ends[slot]! > this.#log.flushed) {
      pending.voids[slot] = 1;
      this.#voids++;
    }
    if (sink === null) return;
    pending.sinks[slot] = null;
    this.#figures.failures.timeout++;
    this.#tally.row(pending.specs[slot]!.id).failures++;
    this.#owner.onTimeout();
    sink.fail(TIMEOUT);
  }

  /** No byte since the oldest command was sent, for several time-outs: the peer is gone without a word. */
  #isDead(now: number): boolean {
    const pending = this.#pending;
    if (this.#state !== 'ready' || pending.length === 0) return false;
    if (this.#headEnd() > this.#log.flushed) return false;
    const sentAt = pending.times[pending.head & pending.mask]!;
    const silence = Math.max(SILENCE_MS_MIN, this.#options.opTimeoutMs * SILENCE_FACTOR);
    return now - Math.max(sentAt, this.#lastReadAt) > silence;
  }

  #end(error: LinkError): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#figures.connectionsActive--;
    for (const timer of [this.#timer, this.#flushTimer, this.#stateTimer]) {
      if (timer !== null) clearTimeout(timer);
    }
    this.#socket.destroy();
    this.#tick.begin();
    this.#owner.onClosed(this, error, this.#takeOrphans());
  }

  #takeOrphans(): Orphan[] {
    const pending = this.#pending;
    const overtaken = overtakenIn(pending);
    const orphans: Orphan[] = [];
    // What this read already answered is gone from `pending`; the head may have a part of its reply here.
    let answered = this.#decoder.isWithin;
    while (pending.length > 0) {
      const entry = pending.head;
      const start = this.#startOf(entry);
      const slot = pending.shift();
      const end = pending.ends[slot]!;
      const sink = pending.sinks[slot]!;
      this.#releasedEnd = end;
      if (sink !== null) {
        pending.sinks[slot] = null;
        orphans.push({
          sink,
          spec: pending.specs[slot]!,
          bytes: this.#log.read(start, end),
          affinity: pending.affinities[slot]!,
          attempt: pending.attempts[slot]!,
          unsent: end > this.#log.flushed,
          answered,
          overtaken: overtaken.has(entry),
          sentAt: pending.times[slot]!,
        });
      }
      answered = false;
    }
    return orphans;
  }
}

function unasked(bytes: Buffer, start: number, end: number): LinkError {
  const text = bytes.toString('latin1', start, Math.min(end, start + 100)).trim();
  return linkError('protocol', `the server sent what nothing asked for: ${text}`);
}

const ASKING: Buffer = asking();
const ASKING_SPEC: CommandSpec = specByName('asking')!;
/** The affinity of no client. */
const NOBODY = -1;
const BUSY: LinkError = linkError('busy', 'too many commands are under way to this server');
const TIMEOUT: LinkError = linkError('timeout', 'no reply in time');
