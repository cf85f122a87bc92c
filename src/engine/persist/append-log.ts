/**
 * The append-only file: every command that changed something, in its order, in Redis's format.
 *
 *   command ─▶ buffer ──end of the turn──▶ write ──always: at once, before replies leave──▶ disk
 *                                                └──everysec: once a second, beside───────▶
 *
 * `always`: what a client was told is on the disk. `everysec`: a crash of the machine loses a second at most; one of the process
 * nothing that was told.
 */
import { close, closeSync, fdatasync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { FILE_WORDS } from '../../commands/own.ts';
import { ByteQueue } from '../../core/bytes.ts';
import { encodeWords } from '../../resp/frame.ts';

export type FsyncPolicy = 'always' | 'everysec' | 'no';

const SECOND_MS = 1000;
/** Beyond this it is written before the turn ends. */
const BUFFER_BYTES_MAX = 1024 * 1024;

export interface LogOwner {
  /** Something waits to be written; `flush` is to be called before the replies of this turn leave. */
  onWaiting(): void;
  /** It cannot be written: nothing that is said from now on would be kept. */
  onFailure(error: Error): void;
}

export class AppendLog {
  policy: FsyncPolicy;
  /** Of the file at hand. */
  bytes: number;
  readonly #owner: LogOwner;
  readonly #buffer = new ByteQueue();
  #handle: number;
  #database = -1;
  #isUnsynced = false;
  #isSyncing = false;
  #timer: NodeJS.Timeout | null = null;
  /** Within MULTI and EXEC; commands of it so far. */
  #inTransaction = false;
  #transactionCount = 0;

  /** `bytes`: what the file has already. */
  constructor(file: string, bytes: number, policy: FsyncPolicy, owner: LogOwner) {
    this.#handle = openSync(file, 'a');
    this.bytes = bytes;
    this.policy = policy;
    this.#owner = owner;
  }

  append(database: number, bytes: Buffer, start: number, end: number): void {
    this.#open(database);
    this.#buffer.append(bytes, start, end);
    this.#close();
  }

  appendWords(database: number, words: readonly (string | Buffer)[]): void {
    this.#open(database);
    this.#say(words);
    this.#close();
  }

  get isInTransaction(): boolean {
    return this.#inTransaction;
  }

  /** What comes until `endTransaction` is one. */
  beginTransaction(): void {
    this.#inTransaction = true;
    this.#transactionCount = 0;
  }

  endTransaction(): void {
    this.#inTransaction = false;
    if (this.#transactionCount > 0) this.#say([FILE_WORDS.run]);
  }

  /** Writes what waits; with `always` it is on the disk afterwards. */
  flush(): void {
    const { length } = this.#buffer;
    if (length === 0) return;
    try {
      this.#write(length);
      this.#isUnsynced = true;
      if (this.policy === 'always') {
        fdatasyncSync(this.#handle);
        this.#isUnsynced = false;
      } else if (this.policy === 'everysec') this.#syncSoon();
    } catch (error) {
      this.#owner.onFailure(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Goes on in another file; the old one is on the disk then. */
  switchTo(file: string): void {
    this.flush();
    const old = this.#handle;
    if (this.#isUnsynced) fdatasyncSync(old);
    this.#handle = openSync(file, 'a');
    closeSync(old);
    this.bytes = 0;
    this.#database = -1;
    this.#isUnsynced = false;
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.flush();
    if (this.#isUnsynced) fdatasyncSync(this.#handle);
    close(this.#handle);
    this.#buffer.clear();
  }

  #write(length: number): void {
    let at = 0;
    while (at < length) at += writeSync(this.#handle, this.#buffer.bytes, at, length - at);
    this.bytes += length;
    this.#buffer.clear();
  }

  #open(database: number): void {
    if (this.#inTransaction && this.#transactionCount++ === 0) this.#say([FILE_WORDS.begin]);
    if (database === this.#database) return;
    this.#database = database;
    this.#say([FILE_WORDS.select, String(database)]);
  }

  #close(): void {
    if (this.#buffer.length > BUFFER_BYTES_MAX && !this.#inTransaction) this.flush();
    else this.#owner.onWaiting();
  }

  #say(words: readonly (string | Buffer)[]): void {
    const bytes = encodeWords(
      words.map((word) => (typeof word === 'string' ? Buffer.from(word, 'latin1') : word)),
    );
    this.#buffer.append(bytes, 0, bytes.length);
  }

  #syncSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#sync();
    }, SECOND_MS).unref();
  }

  #sync(): void {
    // A disk that needs longer than a second for one is not given a second one.
    if (this.#isSyncing || !this.#isUnsynced) return;
    this.#isSyncing = true;
    this.#isUnsynced = false;
    fdatasync(this.#handle, (error) => {
      this.#isSyncing = false;
      if (error !== null) this.#owner.onFailure(error);
      else if (this.#isUnsynced) this.#syncSoon();
    });
  }
}
