/**
 * What the engine has to do so that its data stays: writes that are done go to the store, and under `always` their replies
 * wait until they are there.
 *
 *   command ─▶ store.log ──┐
 *        └───▶ reply ──────┴─(end of the turn: written, under `always` on the disk)─▶ sink
 */
import type { Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { FILE_WORDS } from '../commands/own.ts';
import type { Flushable } from '../core/tick.ts';
import { Call } from './call.ts';
import { Client } from './client.ts';
import type { Engine } from './engine.ts';
import { describe } from './families/describe.ts';
import { describeRemoval } from './families/describe-members.ts';
import type { Database } from './keyspace.ts';
import type { FsyncPolicy, LogOwner } from './persist/append-log.ts';
import type { LoadHost } from './persist/load.ts';
import { Rewriter } from './persist/rewriter.ts';
import { Store } from './persist/store.ts';

export interface PersistenceOptions {
  readonly dir: string;
  readonly fsync: FsyncPolicy;
  /** Calls `flush` before the replies of this turn of the loop leave. */
  readonly schedule: (target: Flushable) => void;
  readonly warn: (fields: Readonly<Record<string, unknown>>, message: string) => void;
  readonly info: (fields: Readonly<Record<string, unknown>>, message: string) => void;
  /** Nothing can be written any more: whoever has the engine must end. */
  readonly fail: (error: Error) => void;
}

/** A reply that must not leave yet. */
interface Delayed {
  readonly sink: Sink;
  readonly bytes: Buffer;
}

export class Persistence implements LoadHost, LogOwner, Flushable {
  readonly store: Store;
  isLoading = true;
  /** The file is written anew when it has grown by so many percent since it was, 0: never, and beyond so many bytes. */
  rewritePercent = 100;
  rewriteBytesMin: number = 64 * 1024 * 1024;
  rewrites = 0;
  lastRewriteFailed = false;
  readonly #options: PersistenceOptions;
  readonly #engine: Engine;
  readonly #call: Call;
  readonly #loader: Client = new Client(false);
  readonly #rewriter: Rewriter;
  #isScheduled = false;
  #delayed: Delayed[] = [];
  #isFailed = false;

  /** Loads what is there. Throws as `Store` does. */
  constructor(engine: Engine, options: PersistenceOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#call = new Call(engine);
    this.store = new Store(options.dir, options.fsync, this);
    this.isLoading = false;
    this.#rewriter = new Rewriter(this.store, {
      databases: engine.databases,
      describe,
      onRewritten: (error, bytes) => this.#onRewritten(error, bytes),
    });
  }

  get isRewriting(): boolean {
    return this.#rewriter.isRunning;
  }

  /** A key is new, changed or gone. */
  onChanged(database: Database, bytes: Buffer, start: number, end: number): void {
    if (this.#rewriter.isRunning) this.#rewriter.onChanged(database.index, bytes, start, end);
  }

  /** A database was emptied, or has become another one. */
  onReset(): void {
    this.#rewriter.onReset();
  }

  /** A command was run and has changed something. */
  write({ command, db, rewritten }: Call): void {
    const { log } = this.store;
    if (rewritten === null) {
      log.append(db.index, command.bytes, command.start, command.end);
      return;
    }
    // Several that came of one are kept together, or a crash could leave a half of it.
    const isWhole = rewritten.length === 1 || log.isInTransaction;
    if (!isWhole) log.beginTransaction();
    for (const words of rewritten) log.appendWords(db.index, words);
    if (!isWhole) log.endTransaction();
  }

  /** A key went though nobody asked: its time was over, or its place was needed. */
  writeRemoval(database: number, key: Buffer): void {
    this.store.log.appendWords(database, [FILE_WORDS.remove, key]);
  }

  /** Fields of a hash went because their time was over. */
  writeFieldRemoval(database: number, key: Buffer, fields: readonly Buffer[]): void {
    describeRemoval(key, fields, (words) => this.store.log.appendWords(database, words));
  }

  /** True: the reply is kept until what was written is safe. */
  delays(sink: Sink, bytes: Buffer, start: number, end: number): boolean {
    if (!this.#isScheduled || this.store.log.policy !== 'always') return false;
    this.#delayed.push({ sink, bytes: Buffer.from(bytes.subarray(start, end)) });
    return true;
  }

  flush(): void {
    this.#isScheduled = false;
    this.store.log.flush();
    const delayed = this.#delayed;
    this.#delayed = [];
    if (this.#isTooLong()) this.#rewriter.begin();
    // Who was not told that it is done may not hear it now.
    if (this.#isFailed) return;
    for (const { sink, bytes } of delayed) sink.reply(bytes, 0, bytes.length);
  }

  /** Writes the data anew in the background, as short as it can be; false: that is going on already. */
  rewrite(): boolean {
    return this.#rewriter.begin();
  }

  close(): void {
    this.#rewriter.close();
    this.flush();
    this.store.close();
  }

  replay(command: Command, database: number): string | null {
    const call = this.#call;
    command.database = database;
    command.protocol = 2;
    this.#engine.execute(call, command, this.#loader);
    const { bytes, length } = call.reply;
    return bytes[0] === MINUS ? bytes.toString('latin1', 1, length - 2) : null;
  }

  #isTooLong(): boolean {
    const { bytes, baseBytes } = this.store;
    const { rewritePercent, rewriteBytesMin } = this;
    if (rewritePercent === 0 || bytes < rewriteBytesMin || this.isRewriting) return false;
    return bytes - baseBytes > (baseBytes * rewritePercent) / 100;
  }

  #onRewritten(error: Error | null, bytes: number): void {
    this.lastRewriteFailed = error !== null;
    if (error === null) this.rewrites++;
    else this.warn({ reason: error.message }, 'the file could not be written anew');
    if (error === null) this.#options.info({ bytes }, 'the file was written anew');
  }

  warn(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#options.warn(fields, message);
  }

  onWaiting(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#options.schedule(this);
  }

  onFailure(error: Error): void {
    this.#isFailed = true;
    this.#options.fail(error);
  }
}

const MINUS = 0x2d;
