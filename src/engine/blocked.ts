/**
 * Clients that wait for keys: BLPOP and its kind, XREAD with BLOCK.
 *
 *   handler finds nothing ─▶ call.wait ─▶ line of each key ──(key is there)──▶ handler again, for the first in line
 *                                              └──(time is over, unblocked, gone)──▶ out of every line
 *
 * Keys that a command made ready are served after it, in the order in which they became so; each serves its line, in the
 * order in which clients came, as long as it has something: each client's command is simply run again, for this key alone.
 * Replies are given out when all are served, because whoever gets one may ask for more at once.
 */
import type { Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { Call } from './call.ts';
import type { Client } from './client.ts';
import type { Engine } from './engine.ts';
import type { Database } from './keyspace.ts';
import type { KindNumber } from './types.ts';

/** What a client who cannot wait, inside EXEC, is told instead. */
export type Nothing = 'null' | 'array';

/** What a handler says of the wait that its command begins. */
export interface WaitWish {
  /** Arguments that are keys. */
  readonly firstKey: number;
  readonly lastKey: number;
  /** Only a key of this kind serves it. */
  readonly kind: KindNumber;
  /** 0: for ever. */
  readonly timeoutMs: number;
  readonly nothing: Nothing;
  /** What a client is told whose key went away or became another kind; without it he goes on waiting. */
  readonly gone?: string;
  /** What is run again; default: the command itself. */
  readonly command?: Command;
}

/** A longer time is none to `setTimeout`. */
const TIMER_MS_MAX = 2 ** 31 - 1;
const UNBLOCKED = 'UNBLOCKED client unblocked via CLIENT UNBLOCK';

/** One client's wait. */
class Waiting {
  readonly client: Client;
  readonly command: Command;
  readonly wish: WaitWish;
  readonly sink: Sink;
  /** Each once, though a key may be named twice. */
  readonly lines: Set<Line> = new Set();
  /** In the time of `performance.now()`. */
  readonly deadline: number;
  timer: NodeJS.Timeout | null = null;

  constructor(client: Client, command: Command, wish: WaitWish, sink: Sink) {
    this.client = client;
    this.command = wish.command ?? command.copy();
    this.wish = wish;
    this.sink = sink;
    this.deadline = performance.now() + wish.timeoutMs;
  }
}

/** Clients that wait for one key, in the order in which they came. */
class Line {
  readonly name: string;
  readonly database: number;
  readonly key: Buffer;
  readonly clients: Set<Waiting> = new Set();

  constructor(name: string, database: number, key: Buffer) {
    this.name = name;
    this.database = database;
    this.key = key;
  }
}

/** A reply on its way to a client who waited. */
interface Owed {
  readonly sink: Sink;
  readonly bytes: Buffer;
}

/** Marks of keys that are waited for, by a few of their bytes: a power of two. */
const MARKS = 4096;
const MARKED_BYTES = 8;
const KINDS = 16;

export class Blocked {
  readonly #engine: Engine;
  readonly #lines: Map<string, Line> = new Map();
  readonly #waiting: Map<Client, Waiting> = new Map();
  /** Clients that wait for a key of a kind, by its number. */
  readonly #waitingFor: Int32Array = new Int32Array(KINDS);
  /** Lines by `markOf` their keys: tells of most keys at once that nobody waits for them. */
  readonly #marks: Uint16Array = new Uint16Array(MARKS);
  /** Clients that are told when their key is gone. */
  #attached = 0;
  readonly #ready: Map<string, Line> = new Map();
  #owed: Owed[] = [];
  #isServing = false;
  /** Runs the commands of those who are served. */
  #call: Call | null = null;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Clients that wait. */
  get count(): number {
    return this.#waiting.size;
  }

  /** Something has to be served; see `serve`. */
  get isReady(): boolean {
    return this.#ready.size > 0;
  }

  /** Somebody has to be answered; see `deliver`. */
  get isOwing(): boolean {
    return this.#owed.length > 0;
  }

  has(client: Client): boolean {
    return this.#waiting.has(client);
  }

  begin(client: Client, command: Command, wish: WaitWish, sink: Sink): void {
    const waiting = new Waiting(client, command, wish, sink);
    this.#waiting.set(client, waiting);
    this.#waitingFor[wish.kind]!++;
    if (wish.gone !== undefined) this.#attached++;
    for (let i = wish.firstKey; i <= wish.lastKey; i++) {
      const line = this.#lineFor(waiting.command, i);
      line.clients.add(waiting);
      waiting.lines.add(line);
    }
    if (wish.timeoutMs > 0) this.#arm(waiting);
  }

  /** The value of a key is new or changed, or it is gone. */
  onChanged(database: Database, bytes: Buffer, start: number, end: number): void {
    if (this.#marks[markOf(bytes, start, end)] === 0) return;
    const name = `${database.index}:${bytes.toString('latin1', start, end)}`;
    const line = this.#lines.get(name);
    if (line === undefined || this.#ready.has(name)) return;
    // Not `find`: what expires is reported while it is still there.
    const entry = database.dict.find(bytes, start, end);
    const isWanted = entry >= 0 && this.#waitingFor[database.kindOf(entry)]! > 0;
    if (isWanted || this.#attached > 0) this.#ready.set(name, line);
  }

  /** A database was emptied or has become another one: what is waited for may be there now, or gone. */
  onSwapped(database: Database): void {
    for (const line of this.#lines.values()) {
      const { name, key } = line;
      if (line.database !== database.index) continue;
      if (database.find(key, 0, key.length) >= 0 || this.#attached > 0) this.#ready.set(name, line);
    }
  }

  /** After a command: serves whoever waits for what it changed, and for what that changes in turn. */
  serve(): void {
    if (this.#isServing) return;
    this.#isServing = true;
    // What becomes ready meanwhile goes to the end of the same map.
    for (const [name, line] of this.#ready) {
      this.#ready.delete(name);
      this.#serveLine(line);
    }
    this.#isServing = false;
  }

  /** Gives out the replies of those who were served or unblocked. They may ask for more before this returns. */
  deliver(): void {
    while (this.#owed.length > 0) {
      const owed = this.#owed;
      this.#owed = [];
      for (const { sink, bytes } of owed) this.#engine.answer(sink, bytes, bytes.length);
    }
  }

  /**
   * CLIENT UNBLOCK: as if its time was over, or with an error. False: it does not wait. Whoever calls this outside a
   * command calls `deliver` afterwards.
   */
  unblock(client: Client, withError: boolean): boolean {
    const waiting = this.#waiting.get(client);
    if (waiting === undefined) return false;
    this.#giveUp(waiting, withError ? UNBLOCKED : null);
    return true;
  }

  /** The client is gone. */
  forget(client: Client): void {
    const waiting = this.#waiting.get(client);
    if (waiting !== undefined) this.#leave(waiting);
  }

  close(): void {
    for (const { timer } of this.#waiting.values()) if (timer !== null) clearTimeout(timer);
    this.#waiting.clear();
    this.#waitingFor.fill(0);
    this.#attached = 0;
    this.#lines.clear();
    this.#marks.fill(0);
    this.#ready.clear();
    this.#owed = [];
  }

  #lineFor(command: Command, index: number): Line {
    const key = command.arg(index);
    const name = `${command.database}:${key.toString('latin1')}`;
    const known = this.#lines.get(name);
    if (known !== undefined) return known;
    const line = new Line(name, command.database, Buffer.from(key));
    this.#lines.set(name, line);
    this.#marks[markOf(key, 0, key.length)]!++;
    return line;
  }

  #serveLine(line: Line): void {
    const { key } = line;
    for (const waiting of line.clients) {
      // Looked for each time: whoever came before may have taken the last, and put another in its place.
      const database = this.#engine.databases[line.database]!;
      const entry = database.find(key, 0, key.length);
      // A key of another kind serves nobody, and those who wait go on waiting.
      const { kind, gone } = waiting.wish;
      if (entry >= 0 && database.kindOf(entry) === kind) this.#tryAgain(waiting, key);
      else if (gone !== undefined) this.#giveUp(waiting, gone);
      else if (entry < 0 && this.#attached === 0) return;
    }
  }

  #tryAgain(waiting: Waiting, key: Buffer): void {
    this.#call ??= new Call(this.#engine);
    const call = this.#call;
    call.mayWait = true;
    call.servedKey = key;
    this.#engine.execute(call, waiting.command, waiting.client);
    if (call.wish !== null) return;
    this.#leave(waiting);
    this.#owe(waiting, call);
  }

  /** Timers are up to a millisecond early, and none is longer than 24 days. */
  #arm(waiting: Waiting): void {
    const rest = Math.ceil(waiting.deadline - performance.now());
    const ms = Math.min(Math.max(rest, 1), TIMER_MS_MAX);
    waiting.timer = setTimeout(() => {
      if (performance.now() < waiting.deadline) {
        this.#arm(waiting);
        return;
      }
      this.#giveUp(waiting, null);
      this.deliver();
    }, ms);
  }

  /** Without an error: its time is over. */
  #giveUp(waiting: Waiting, error: string | null): void {
    this.#leave(waiting);
    this.#call ??= new Call(this.#engine);
    const { reply } = this.#call;
    reply.begin(waiting.command.protocol);
    if (error === null) reply.nullArray();
    else reply.error(error);
    this.#owe(waiting, this.#call);
  }

  #owe({ sink }: Waiting, { reply }: Call): void {
    this.#owed.push({ sink, bytes: Buffer.from(reply.bytes.subarray(0, reply.length)) });
  }

  #leave(waiting: Waiting): void {
    if (waiting.timer !== null) clearTimeout(waiting.timer);
    this.#waiting.delete(waiting.client);
    this.#waitingFor[waiting.wish.kind]!--;
    if (waiting.wish.gone !== undefined) this.#attached--;
    for (const line of waiting.lines) {
      line.clients.delete(waiting);
      if (line.clients.size > 0) continue;
      this.#lines.delete(line.name);
      this.#marks[markOf(line.key, 0, line.key.length)]!--;
    }
  }
}

/** Which mark a key has: from its length and its last bytes, because the first are often the same. */
function markOf(bytes: Uint8Array, start: number, end: number): number {
  let mark = end - start;
  for (let i = Math.max(start, end - MARKED_BYTES); i < end; i++) {
    mark = (Math.imul(mark, 31) + bytes[i]!) | 0;
  }
  return (mark ^ (mark >>> 12)) & (MARKS - 1);
}
