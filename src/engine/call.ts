/**
 * One command on its way through the engine: its arguments, where it writes, and what it has done. A handler gets one
 * and answers it once; it is used again for the next command, so nobody keeps it.
 */
import type { Command } from '../commands/command.ts';
import type { WaitWish } from './blocked.ts';
import type { Client } from './client.ts';
import type { Engine } from './engine.ts';
import type { Database } from './keyspace.ts';
import { parseDouble, parseInteger } from './numbers.ts';
import { Reply } from './reply.ts';

/** Answers one command, now or, if it waits, later by the client. */
export type Handler = (call: Call) => void;

const LOWER = 0x20;
const TIMEOUT_NO_FLOAT = 'ERR timeout is not a float or out of range';
const TIMEOUT_NEGATIVE = 'ERR timeout is negative';
/** Beyond what 64 bits hold Redis 7.0 takes a time for a negative one. */
const TIMEOUT_MS_END = 2 ** 63;

export class Call {
  readonly engine: Engine;
  readonly reply: Reply = new Reply();
  command!: Command;
  client!: Client;
  db!: Database;
  /** The command's arguments are in here. */
  bytes!: Buffer;
  /** The name included. */
  argc = 0;
  /** Changes it has made. */
  dirty = 0;
  /** What the file gets instead of the command itself; null: the command. */
  rewritten: (string | Buffer)[][] | null = null;
  /** A client is there who can wait: not inside EXEC or a script. */
  mayWait = false;
  /** The key that a client who waited is served from; null: the command runs for the first time. */
  servedKey: Buffer | null = null;
  /** Set by a handler that found nothing and whose client is to wait: then nothing is replied. */
  wish: WaitWish | null = null;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  begin(command: Command, client: Client, db: Database): void {
    this.command = command;
    this.client = client;
    this.db = db;
    this.bytes = command.bytes;
    this.argc = command.argc;
    this.dirty = 0;
    this.rewritten = null;
    this.wish = null;
    this.reply.begin(command.protocol);
  }

  /** Milliseconds since 1970. */
  get now(): number {
    return this.engine.now;
  }

  start(index: number): number {
    return this.command.argStart(index);
  }

  end(index: number): number {
    return this.command.argEnd(index);
  }

  length(index: number): number {
    return this.command.argLength(index);
  }

  /** A view, valid while the handler runs. */
  arg(index: number): Buffer {
    return this.command.arg(index);
  }

  /** A copy. */
  copyOf(index: number): Buffer {
    return Buffer.from(this.command.arg(index));
  }

  /** One character per byte. */
  text(index: number): string {
    return this.bytes.toString('latin1', this.start(index), this.end(index));
  }

  /** The argument is this word, given in lower case, in whatever case. */
  is(index: number, word: string): boolean {
    const start = this.start(index);
    if (this.end(index) - start !== word.length) return false;
    for (let i = 0; i < word.length; i++) {
      const letter = this.bytes[start + i]!;
      const lower = letter >= 0x41 && letter <= 0x5a ? letter | LOWER : letter;
      if (lower !== word.charCodeAt(i)) return false;
    }
    return true;
  }

  /** A 64-bit integer; null: it is none. */
  integer(index: number): number | bigint | null {
    return parseInteger(this.bytes, this.start(index), this.end(index));
  }

  /** A 64-bit integer whose exact size beyond 2^53 does not matter, as for counts and places; null: it is none. */
  count(index: number): number | null {
    const value = this.integer(index);
    return value === null ? null : Number(value);
  }

  /** A double; null: it is none. `nan` is none. */
  double(index: number): number | null {
    return parseDouble(this.text(index));
  }

  /** The live entry of the key at this argument; -1: none. For a command that reads. */
  read(index: number): number {
    return this.db.read(this.bytes, this.start(index), this.end(index));
  }

  /** The same for a command that writes. */
  write(index: number): number {
    return this.db.write(this.bytes, this.start(index), this.end(index));
  }

  /** A command that is served after a wait is served from one key alone: the one that became ready, not the first. */
  considers(index: number): boolean {
    const { servedKey } = this;
    if (servedKey === null) return true;
    const start = this.start(index);
    const end = this.end(index);
    return servedKey.compare(this.bytes, start, end) === 0;
  }

  /** Nothing is there yet: the client waits for it, or where none can is told so at once. */
  wait(wish: WaitWish): void {
    if (this.mayWait) this.wish = wish;
    else if (wish.nothing === 'array') this.reply.nullArray();
    else this.reply.null();
  }

  /** How long a command may wait, in milliseconds, from seconds; null: wrong, and the client has been told. */
  timeout(index: number): number | null {
    const seconds = this.double(index);
    const ms = seconds === null ? 0 : Math.ceil(seconds * 1000);
    if (seconds === null) this.reply.error(TIMEOUT_NO_FLOAT);
    else if (ms < 0 || ms >= TIMEOUT_MS_END) this.reply.error(TIMEOUT_NEGATIVE);
    else return ms;
    return null;
  }

  /** The value of the key at this argument is new, changed or gone: told to all who have to know. */
  changed(index: number, kind: number, event: string): void {
    this.dirty++;
    const start = this.start(index);
    const end = this.end(index);
    this.db.changed(this.bytes, start, end);
    this.engine.notify(kind, event, this.db, this.bytes, start, end);
  }

  /**
   * The value of the key at this argument changed in what neither WATCH nor those who wait look at: the groups of a
   * stream. An event of null: none.
   */
  altered(index: number, kind: number, event: string | null): void {
    this.dirty++;
    const { engine, db, bytes } = this;
    engine.persistence?.onChanged(db, bytes, this.start(index), this.end(index));
    if (event !== null) {
      engine.notify(kind, event, db, bytes, this.start(index), this.end(index));
    }
  }

  /** Removes the key at this argument, whose value became empty. */
  removeEmpty(index: number, entry: number): void {
    this.db.remove(entry);
    const start = this.start(index);
    this.engine.notify(Notify.generic, 'del', this.db, this.bytes, start, this.end(index));
  }

  /** The file gets this instead of the command; several calls, several commands. */
  rewrite(...words: (string | Buffer)[]): void {
    this.rewritten ??= [];
    this.rewritten.push(words);
  }
}

/** Classes of keyspace notifications, by the letters of `notify-keyspace-events`. */
export const Notify = {
  keyspace: 1, // K
  keyevent: 2, // E
  generic: 4, // g
  string: 8, // $
  list: 16, // l
  set: 32, // s
  hash: 64, // h
  zset: 128, // z
  expired: 256, // x
  evicted: 512, // e
  stream: 1024, // t
  miss: 2048, // m
  module: 4096, // d
  created: 8192, // n
} as const;
