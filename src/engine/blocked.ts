/**
 * Clients that wait for keys: BLPOP and its kind, XREAD with BLOCK.
 *
 *   handler finds nothing ─▶ call.wait ─▶ line of each key ──(key changed)──▶ handler again, for the first in line
 *                                              └──(time is over, unblocked, gone)──▶ out of every line
 *
 * A key that is ready serves its line after the command that made it so, in the order in which clients came, as long as it has
 * something: each client's command is simply run again.
 */
import type { Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { Call } from './call.ts';
import type { Client } from './client.ts';
import type { Engine } from './engine.ts';
import type { Database } from './keyspace.ts';
import type { KindNumber } from './types.ts';

/** What a client that waited in vain is told. */
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
}

/** A longer time is none to `setTimeout`. */
const TIMER_MS_MAX = 2 ** 31 - 1;
const UNBLOCKED = 'UNBLOCKED client unblocked via CLIENT UNBLOCK';

/** One client's wait. */
class Waiting {
  readonly client: Client;
  readonly command: Command;
  readonly wish: WaitWish;
  readonly names: readonly string[];
  readonly sink: Sink;
  timer: NodeJS.Timeout | null = null;

  constructor(client: Client, command: Command, wish: WaitWish, sink: Sink) {
    this.client = client;
    this.command = command.copy();
    this.wish = wish;
    this.sink = sink;
    const names = new Set<string>();
    for (let i = wish.firstKey; i <= wish.lastKey; i++) {
      names.add(nameOf(command.database, command.arg(i)));
    }
    this.names = [...names];
  }
}

interface Ready {
  readonly database: Database;
  readonly key: Buffer;
}

export class Blocked {
  readonly #engine: Engine;
  /** By key, in the order in which clients came. */
  readonly #lines: Map<string, Set<Waiting>> = new Map();
  readonly #waiting: Map<Client, Waiting> = new Map();
  #ready: Map<string, Ready> = new Map();
  #isServing = false;

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

  has(client: Client): boolean {
    return this.#waiting.has(client);
  }

  begin(client: Client, command: Command, wish: WaitWish, sink: Sink): void {
    const waiting = new Waiting(client, command, wish, sink);
    this.#waiting.set(client, waiting);
    for (const name of waiting.names) {
      const line = this.#lines.get(name);
      if (line === undefined) this.#lines.set(name, new Set([waiting]));
      else line.add(waiting);
    }
    const { timeoutMs } = wish;
    if (timeoutMs === 0 || timeoutMs > TIMER_MS_MAX) return;
    waiting.timer = setTimeout(() => this.#expire(waiting), timeoutMs);
  }

  /** The value of a key is new or changed. */
  onChanged(database: Database, bytes: Buffer, start: number, end: number): void {
    if (this.#lines.size === 0) return;
    const name = `${database.index}:${bytes.toString('latin1', start, end)}`;
    if (!this.#lines.has(name) || this.#ready.has(name)) return;
    this.#ready.set(name, { database, key: Buffer.from(bytes.subarray(start, end)) });
  }

  /** A database has become another one: what is waited for may be there now. */
  onSwapped(database: Database): void {
    const prefix = `${database.index}:`;
    for (const name of this.#lines.keys()) {
      if (!name.startsWith(prefix)) continue;
      const key = Buffer.from(name.slice(prefix.length), 'latin1');
      if (database.find(key, 0, key.length) >= 0) this.#ready.set(name, { database, key });
    }
  }

  /** After a command: serves whoever waits for what it changed, and for what that changes in turn. */
  serve(): void {
    if (this.#isServing) return;
    this.#isServing = true;
    while (this.#ready.size > 0) {
      const all = this.#ready;
      this.#ready = new Map();
      for (const [name, ready] of all) this.#serveLine(name, ready);
    }
    this.#isServing = false;
  }

  /** CLIENT UNBLOCK: as if its time was over, or with an error. False: it does not wait. */
  unblock(client: Client, withError: boolean): boolean {
    const waiting = this.#waiting.get(client);
    if (waiting === undefined) return false;
    if (withError) this.#finish(waiting, (call) => call.reply.error(UNBLOCKED));
    else this.#expire(waiting);
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
    this.#lines.clear();
  }

  #serveLine(name: string, { database, key }: Ready): void {
    for (const waiting of [...(this.#lines.get(name) ?? [])]) {
      const entry = database.find(key, 0, key.length);
      if (entry < 0) return;
      // A key of another kind serves nobody, and those who wait go on waiting.
      if (database.kindOf(entry) !== waiting.wish.kind) continue;
      this.#tryAgain(waiting);
    }
  }

  #tryAgain(waiting: Waiting): void {
    const call = new Call(this.#engine);
    call.mayWait = true;
    this.#engine.execute(call, waiting.command, waiting.client);
    if (call.wish !== null) return;
    this.#leave(waiting);
    this.#engine.answer(call, waiting.sink);
  }

  #expire(waiting: Waiting): void {
    this.#finish(waiting, ({ reply }) => {
      if (waiting.wish.nothing === 'array') reply.nullArray();
      else reply.null();
    });
  }

  #finish(waiting: Waiting, write: (call: Call) => void): void {
    this.#leave(waiting);
    const call = new Call(this.#engine);
    call.reply.begin(waiting.command.protocol);
    write(call);
    waiting.sink.reply(call.reply.bytes, 0, call.reply.length);
  }

  #leave(waiting: Waiting): void {
    if (waiting.timer !== null) clearTimeout(waiting.timer);
    this.#waiting.delete(waiting.client);
    for (const name of waiting.names) {
      const line = this.#lines.get(name);
      line?.delete(waiting);
      if (line?.size === 0) this.#lines.delete(name);
    }
  }
}

function nameOf(database: number, key: Buffer): string {
  return `${database}:${key.toString('latin1')}`;
}
