/**
 * Everything that one worker subscribes to at one server, over one connection of its own.
 *
 *   subscribe ─▶ intake ─▶ SUBSCRIBE name ─▶ server ─▶ confirmed: live ─▶ messages
 *                  ▲                           │
 *                  └──── asked again ◀──── connection lost (at once, then with growing pauses)
 *
 * The connection speaks RESP2: every server does, it says all there is to say, and a message passes to
 * clients as it came (for RESP3 only its first byte is another). One command names one channel, so that the
 * n-th answer belongs to the n-th command even if it is an error.
 *
 * A server that says nothing, not even to a PING, is noticed within `SILENCE_MS_MAX`.
 */
import type { Socket } from 'node:net';
import type { Feed, FeedOwner } from '../backend/feed.ts';
import { FeedFrame } from '../backend/feed-frames.ts';
import { type ChannelKind, ping, subscribe, unsubscribe } from '../commands/own.ts';
import { ByteQueue } from '../core/bytes.ts';
import type { Log } from '../core/log.ts';
import { giveBack } from '../core/pool.ts';
import type { Flushable, Tick } from '../core/tick.ts';
import { FAULT, READY } from '../resp/command-decoder.ts';
import { type LinkError, linkError } from '../resp/errors.ts';
import { ReplyDecoder, type ReplyLimits } from '../resp/reply-decoder.ts';
import { SIMPLE_ERROR, SIMPLE_STRING } from '../resp/types.ts';
import { type Address, dial, type TlsOptions } from './dial.ts';
import type { ServerFigures } from './figures.ts';
import { type Credentials, greeting } from './handshake.ts';

export interface FeedOptions {
  readonly name: string;
  readonly address: Address;
  readonly tls: TlsOptions | null;
  readonly credentials: Credentials | null;
  readonly connectTimeoutMs: number;
  readonly reply: ReplyLimits;
}

/** How often the server is asked whether it lives. */
const PING_MS = 4000;
/** Without a byte for so long the connection counts as dead. */
const SILENCE_MS_MAX = 10_000;
/**
 * Bytes handed out in one turn of the loop; then clients are written to before more is read. One chunk for a
 * thousand clients is 256 MiB, and the kernel has more where that came from.
 */
const TURN_BYTES_MAX = 16 * 1024 * 1024;
/** What handing one message to one client costs beside its bytes, in bytes. */
const HANDING_COST = 256;
const BACKOFF_MS_MIN = 20;
const BACKOFF_MS_MAX = 1000;
/** A connection that lived so long was a real one; its loss is no sign that the next will fail. */
const STEADY_MS = 1000;

/** One subscription at this server. */
interface Intake {
  readonly kind: ChannelKind;
  /** One character per byte. */
  readonly name: string;
  wanted: boolean;
  live: boolean;
  /** Commands about it that are not answered; only the last answer says how it stands. */
  asked: number;
}

/** What was asked and not answered, in the order of asking. */
type Asked = { readonly intake: Intake; readonly joins: boolean } | { readonly pong: () => void };

type State = 'idle' | 'connecting' | 'greeting' | 'ready' | 'resting' | 'closed';

export class ServerFeed implements Feed, Flushable {
  readonly name: string;
  /** Since when nothing is wanted, if nothing is. */
  unusedAt: number = performance.now();
  readonly #options: FeedOptions;
  readonly #owner: FeedOwner;
  readonly #tick: Tick;
  readonly #figures: ServerFigures;
  readonly #log: Log;
  readonly #mayOpen: () => boolean;
  readonly #intakes: Record<ChannelKind, Map<string, Intake>> = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map(),
  };
  readonly #frame = new FeedFrame();
  readonly #out = new ByteQueue();
  #state: State = 'idle';
  #socket: Socket | null = null;
  #decoder: ReplyDecoder;
  #asked: Asked[] = [];
  #answered = 0;
  #greetings = 0;
  #wanted = 0;
  /** The connection was lost, or could not be made, and there is no new one yet. */
  #isDown = false;
  /** Handed out in this turn of the loop. */
  #handedOut = 0;
  #turn: NodeJS.Immediate | null = null;
  /** More is there to be read, in the next turn. */
  #isPaused = false;
  #dirty = false;
  #backoffMs = 0;
  #readyAt = 0;
  #lastReadAt = 0;
  /** Bounds the greeting, or is the pause before the next attempt. */
  #timer: NodeJS.Timeout | null = null;
  #pinger: NodeJS.Timeout | null = null;

  /** `mayOpen`: the server's limit of new connections allows one more now. */
  constructor(
    options: FeedOptions,
    owner: FeedOwner,
    tick: Tick,
    figures: ServerFigures,
    log: Log,
    mayOpen: () => boolean,
  ) {
    this.name = options.name;
    this.#options = options;
    this.#owner = owner;
    this.#tick = tick;
    this.#figures = figures;
    this.#log = log;
    this.#mayOpen = mayOpen;
    this.#decoder = new ReplyDecoder(options.reply);
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  /** Subscriptions wanted here. */
  get size(): number {
    return this.#wanted;
  }

  isLive(kind: ChannelKind, name: string): boolean {
    return this.#intakes[kind].get(name)?.live ?? false;
  }

  subscribe(kind: ChannelKind, name: string): void {
    const known = this.#intakes[kind].get(name);
    const intake = known ?? { kind, name, wanted: false, live: false, asked: 0 };
    // Refused or dropped before: whoever comes anew has it asked again.
    const isLacking = intake.wanted && !intake.live && intake.asked === 0;
    if (intake.wanted && !isLacking) return;
    if (!intake.wanted) this.#wanted++;
    intake.wanted = true;
    this.#intakes[kind].set(name, intake);
    if (this.#state === 'ready') this.#ask(intake, true);
    else if (this.#state === 'idle') this.#open();
  }

  unsubscribe(kind: ChannelKind, name: string): void {
    const intake = this.#intakes[kind].get(name);
    if (intake === undefined || !intake.wanted) return;
    intake.wanted = false;
    this.#wanted--;
    if (this.#wanted === 0) this.unusedAt = performance.now();
    if (this.#state === 'ready') this.#ask(intake, false);
    else this.#intakes[kind].delete(name);
  }

  /** Asks again for what was refused or dropped. */
  retry(): void {
    if (this.#state !== 'ready') return;
    for (const intakes of Object.values(this.#intakes)) {
      for (const intake of intakes.values()) {
        if (intake.wanted && !intake.live && intake.asked === 0) this.#ask(intake, true);
      }
    }
  }

  /** Calls back when everything the server has sent so far was handed on; at once if it is not connected. */
  settle(then: () => void): void {
    if (this.#state !== 'ready') {
      then();
      return;
    }
    this.#asked.push({ pong: then });
    this.#say(ping());
  }

  close(): void {
    this.#disconnect();
    this.#state = 'closed';
    for (const intakes of Object.values(this.#intakes)) intakes.clear();
  }

  flush(): void {
    this.#dirty = false;
    const out = this.#out;
    if (this.#state !== 'ready' || out.length === 0) return;
    const { length } = out;
    const bytes = out.take();
    this.#figures.bytesWritten += length;
    // Not given back before it is written: a write that waits refers to these very bytes.
    this.#socket!.write(bytes.subarray(0, length), () => giveBack(bytes));
  }

  #say(bytes: Buffer): void {
    this.#out.append(bytes, 0, bytes.length);
    if (this.#dirty) return;
    this.#dirty = true;
    this.#tick.markUpstream(this);
  }

  #ask(intake: Intake, joins: boolean): void {
    const name = Buffer.from(intake.name, 'latin1');
    intake.asked++;
    this.#asked.push({ intake, joins });
    this.#say(joins ? subscribe(intake.kind, name) : unsubscribe(intake.kind, name));
  }

  #open(): void {
    if (!this.#mayOpen()) {
      this.#figures.connectionsRateLimited++;
      this.#rest();
      return;
    }
    const { address, tls, credentials, connectTimeoutMs, reply } = this.#options;
    const { bytes, steps } = greeting(2, 0, credentials);
    this.#state = 'connecting';
    this.#decoder = new ReplyDecoder(reply);
    this.#greetings = steps.length;
    this.#figures.connectionsOpened++;
    this.#figures.connectionsActive++;
    this.#timer = setTimeout(
      () => this.#end(linkError('connect', `no connection made in ${connectTimeoutMs} ms`)),
      connectTimeoutMs,
    );
    const socket = dial(
      address,
      tls,
      (length, chunk) => {
        if (socket === this.#socket) this.#onChunk(length, chunk);
      },
      () => {
        if (socket !== this.#socket) return;
        this.#state = 'greeting';
        if (steps.length === 0) this.#onReady();
        else socket.write(bytes);
      },
    );
    this.#socket = socket;
    const end = (error: LinkError): void => {
      if (socket === this.#socket) this.#end(error);
    };
    socket.on('error', ({ message }) => end(linkError('connect', message)));
    socket.on('end', () => end(linkError('closed', 'the server closed the connection')));
    socket.on('close', () => end(linkError('closed', 'the connection was lost')));
  }

  #onReady(): void {
    this.#clearTimers();
    this.#tick.begin();
    this.#state = 'ready';
    this.#isDown = false;
    this.#readyAt = performance.now();
    this.#lastReadAt = this.#readyAt;
    this.#pinger = setInterval(() => this.#onPingTime(), PING_MS);
    this.#pinger.unref();
    this.retry();
  }

  #onPingTime(): void {
    if (performance.now() - this.#lastReadAt > SILENCE_MS_MAX - PING_MS) {
      this.#end(linkError('timeout', 'the server has been silent for too long'));
    } else {
      this.settle(() => {});
    }
  }

  #onChunk(length: number, chunk: Buffer): void {
    this.#tick.begin();
    this.#lastReadAt = this.#tick.now;
    this.#figures.bytesRead += length;
    this.#decoder.push(chunk, length);
    this.#decode();
  }

  #decode(): void {
    const decoder = this.#decoder;
    let state = decoder.next();
    while (state === READY) {
      this.#receive(decoder.bytes, decoder.start, decoder.end);
      // Another decoder: the connection has ended, and with it the bytes.
      if (decoder !== this.#decoder || this.#socket === null) return;
      if (this.#handedOut > TURN_BYTES_MAX) {
        decoder.settle();
        this.#isPaused = true;
        this.#socket.pause();
        return;
      }
      state = decoder.next();
    }
    if (state === FAULT) this.#end(linkError('protocol', 'the server sent what is not RESP'));
    else decoder.settle();
  }

  #receive(bytes: Buffer, start: number, end: number): void {
    const type = bytes[start];
    if (type === SIMPLE_ERROR) {
      this.#onErrorReply(bytes.toString('latin1', start + 1, end - 2));
      return;
    }
    if (this.#state === 'greeting') {
      this.#greetings--;
      if (this.#greetings === 0) this.#onReady();
      return;
    }
    const frame = this.#frame;
    frame.read(bytes, start);
    if (frame.type === 'message') {
      const clients = this.#owner.onMessage(this, frame, bytes, start, end);
      this.#handOut(clients * (end - start + HANDING_COST));
    }
    // Without any subscription the answer to a PING is that of other connections.
    else if (frame.type === 'pong' || type === SIMPLE_STRING) this.#onPong();
    else if (frame.type === 'other') this.#end(UNASKED);
    else this.#onAnswer(frame.type === 'subscribed', bytes);
  }

  #handOut(bytes: number): void {
    this.#handedOut += bytes;
    this.#turn ??= setImmediate(() => this.#onTurn());
  }

  /** Behind the flush of a turn in which messages came. */
  #onTurn(): void {
    this.#turn = null;
    this.#handedOut = 0;
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#tick.begin();
    this.#lastReadAt = performance.now();
    this.#decode();
    if (!this.#isPaused) this.#socket?.resume();
  }

  #onPong(): void {
    const asked = this.#takeAsked();
    if (asked === undefined || 'intake' in asked) this.#end(UNASKED);
    else asked.pong();
  }

  #onAnswer(joined: boolean, bytes: Buffer): void {
    const { kind, nameStart, nameEnd } = this.#frame;
    const name = bytes.toString('latin1', nameStart, nameEnd);
    const asked = this.#asked[this.#answered];
    const isExpected =
      asked !== undefined &&
      'intake' in asked &&
      asked.joins === joined &&
      asked.intake.kind === kind &&
      asked.intake.name === name;
    if (isExpected) {
      this.#takeAsked();
      this.#settleIntake(asked.intake, joined);
    } else if (joined) {
      this.#end(UNASKED);
    } else {
      this.#onUnasked(kind, name);
    }
  }

  #settleIntake(intake: Intake, joined: boolean): void {
    intake.asked--;
    intake.live = joined;
    if (intake.asked > 0) return;
    if (!intake.wanted) this.#intakes[intake.kind].delete(intake.name);
    else if (joined) this.#owner.onLive(this, intake.kind, intake.name);
  }

  #onUnasked(kind: ChannelKind, name: string): void {
    const intake = this.#intakes[kind].get(name);
    if (intake === undefined) return;
    intake.live = false;
    if (intake.wanted) this.#owner.onDropped(this, kind, name);
  }

  #onErrorReply(text: string): void {
    if (this.#state === 'greeting') {
      this.#end(linkError('handshake', `the server refused auth: ${text}`));
      return;
    }
    const asked = this.#takeAsked();
    if (asked === undefined || !('intake' in asked)) {
      this.#end(linkError('protocol', `the server sent what nothing asked for: ${text}`));
      return;
    }
    const { intake } = asked;
    intake.asked--;
    if (intake.asked > 0) return;
    if (!intake.wanted) this.#intakes[intake.kind].delete(intake.name);
    else this.#owner.onRefused(this, intake.kind, intake.name, text);
  }

  #takeAsked(): Asked | undefined {
    const asked = this.#asked[this.#answered];
    if (asked === undefined) return undefined;
    this.#answered++;
    // Emptied when all is answered, and halved before it is mostly past.
    if (this.#answered === this.#asked.length) {
      this.#asked = [];
      this.#answered = 0;
    } else if (this.#answered > ANSWERED_MAX) {
      this.#asked = this.#asked.slice(this.#answered);
      this.#answered = 0;
    }
    return asked;
  }

  /** The connection is gone, or never came to be. */
  #end(error: LinkError): void {
    const wasReady = this.#state === 'ready';
    const wasSteady = wasReady && performance.now() - this.#readyAt > STEADY_MS;
    const waiting = this.#asked.slice(this.#answered);
    this.#disconnect();
    this.#figures.failures[error.code]++;
    this.#log.warn(
      { server: this.name, code: error.code, reason: error.message },
      'subscription link lost',
    );
    for (const intakes of Object.values(this.#intakes)) {
      for (const intake of [...intakes.values()]) {
        intake.live = false;
        intake.asked = 0;
        if (!intake.wanted) intakes.delete(intake.name);
      }
    }
    this.#isDown = this.size > 0;
    if (wasSteady) this.#backoffMs = 0;
    if (this.size === 0) this.#state = 'idle';
    // A restart or a cut: the server is likely to be back.
    else if (wasSteady) this.#open();
    else this.#rest();
    this.#owner.onDown(this);
    for (const asked of waiting) if ('pong' in asked) asked.pong();
  }

  #disconnect(): void {
    this.#clearTimers();
    const socket = this.#socket;
    if (socket !== null) {
      this.#socket = null;
      this.#figures.connectionsActive--;
      // A socket that is let go of may still report how it ended.
      socket.on('error', () => {});
      socket.destroy();
    }
    this.#out.clear();
    this.#asked = [];
    this.#answered = 0;
    this.#isPaused = false;
  }

  /** Full jitter: doors that lost the same server do not come back in step. */
  #rest(): void {
    this.#state = 'resting';
    this.#backoffMs = Math.min(BACKOFF_MS_MAX, Math.max(BACKOFF_MS_MIN, this.#backoffMs * 2));
    const pause = this.#backoffMs / 2 + (Math.random() * this.#backoffMs) / 2;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.size > 0) this.#open();
      else this.#state = 'idle';
    }, pause);
    this.#timer.unref();
  }

  #clearTimers(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#pinger !== null) clearInterval(this.#pinger);
    this.#timer = null;
    this.#pinger = null;
  }
}

/** So many answers are past before the list of what was asked is cut. */
const ANSWERED_MAX = 10_000;
const UNASKED = linkError('protocol', 'the server sent what nothing asked for');
