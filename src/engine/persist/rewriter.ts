/**
 * Writes a new base in the background, while commands go on: without a second process there is no frozen copy of the data, so
 * what changes meanwhile is written again.
 *
 *   pass 1: every key, a slice per turn of the loop      changed: names of keys
 *   pass 2…: the keys that were changed, once more       changed: fewer
 *   last: those few in one go; from here on a new increment, which the base fits in front of
 *
 * A key is never written twice without DEL in front, so the file says the same whatever came between. FLUSHALL and SWAPDB make it
 * begin anew.
 */
import { closeSync, fdatasync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { FILE_WORDS } from '../../commands/own.ts';
import { ByteQueue } from '../../core/bytes.ts';
import { encodeWords } from '../../resp/frame.ts';
import type { Database } from '../keyspace.ts';
import type { Store } from './store.ts';

type Words = readonly (string | Buffer)[];

export interface RewriteHost {
  readonly databases: readonly Database[];
  /** The commands that make the key as it is, one by one; only as long as the key does not change. */
  describe(database: Database, entry: number): Iterator<Words>;
  onRewritten(error: Error | null, bytes: number): void;
}

/** A key that is being written. */
interface Current {
  readonly database: number;
  readonly name: string;
  readonly words: Iterator<Words>;
}

/** Of each turn of the loop. */
const SLICE_MS = 2;
/** Commands between two looks at the clock. */
const COMMANDS_PER_LOOK = 16;
/** So few changed keys are written in one go. */
const FEW = 1000;
/** When they do not become few in so many passes, all are. */
const PASSES_MAX = 12;
const BUFFER_BYTES_MAX = 1024 * 1024;

export class Rewriter {
  readonly #store: Store;
  readonly #host: RewriteHost;
  /** Null: nothing is going on. */
  #run: Run | null = null;

  constructor(store: Store, host: RewriteHost) {
    this.#store = store;
    this.#host = host;
  }

  get isRunning(): boolean {
    return this.#run !== null;
  }

  /** False: it is going on already. */
  begin(): boolean {
    if (this.#run !== null) return false;
    this.#run = new Run(this.#store, this.#host, (error, bytes) => {
      this.#run = null;
      this.#host.onRewritten(error, bytes);
    });
    return true;
  }

  /** A key is new, changed or gone. */
  onChanged(database: number, bytes: Buffer, start: number, end: number): void {
    this.#run?.note(database, bytes.toString('latin1', start, end));
  }

  /** A database is not what it was. */
  onReset(): void {
    if (this.#run === null) return;
    this.#run.cancel();
    this.#run = null;
    this.begin();
  }

  close(): void {
    this.#run?.cancel();
    this.#run = null;
  }
}

class Run {
  readonly #store: Store;
  readonly #host: RewriteHost;
  readonly #onEnd: (error: Error | null, bytes: number) => void;
  readonly #file: string;
  readonly #handle: number;
  readonly #buffer = new ByteQueue();
  #bytes = 0;
  #isOver = false;
  /** Of pass 1. */
  #database = 0;
  #record = -1;
  #pass = 1;
  /** Names of keys by database, changed since they were last looked at. */
  #changed: Set<string>[];
  /** Those of them that the pass under way has still to write. */
  #pending: [number, string][] = [];
  #selected = -1;
  #current: Current | null = null;
  #looks = 0;

  constructor(
    store: Store,
    host: RewriteHost,
    onEnd: (error: Error | null, bytes: number) => void,
  ) {
    this.#store = store;
    this.#host = host;
    this.#onEnd = onEnd;
    this.#changed = host.databases.map(() => new Set<string>());
    this.#file = path.join(store.folder, `temp-rewriteaof-${process.pid}.aof`);
    this.#handle = openSync(this.#file, 'w');
    setImmediate(() => this.#slice());
  }

  note(database: number, key: string): void {
    this.#changed[database]!.add(key);
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    closeSync(this.#handle);
    rmSync(this.#file, { force: true });
  }

  #slice(): void {
    if (this.#isOver) return;
    try {
      const isDone = this.#pass === 1 ? this.#walk() : this.#writeAgain(SLICE_MS);
      if (!isDone) setImmediate(() => this.#slice());
      else this.#nextPass();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Records of all databases in their order; those that stay where they are are met once. */
  #walk(): boolean {
    const end = performance.now() + SLICE_MS;
    const { databases } = this.#host;
    while (this.#writeOn(end)) {
      const database = databases[this.#database];
      if (database === undefined) return true;
      const entry = database.dict.after(this.#record);
      if (entry < 0) {
        this.#database++;
        this.#record = -1;
        continue;
      }
      this.#record = entry;
      this.#begin(database, entry);
    }
    return false;
  }

  #nextPass(): void {
    this.#pass++;
    this.#pending = this.#takeChanged();
    if (this.#pending.length <= FEW || this.#pass > PASSES_MAX) this.#finish();
    else setImmediate(() => this.#slice());
  }

  #takeChanged(): [number, string][] {
    const pending = this.#changed.flatMap((names, database) =>
      [...names].map((name): [number, string] => [database, name]),
    );
    this.#changed = this.#changed.map(() => new Set<string>());
    return pending;
  }

  /** True: all that were to be written again are. */
  #writeAgain(ms: number): boolean {
    const end = performance.now() + ms;
    while (this.#writeOn(end)) {
      const next = this.#pending.pop();
      if (next === undefined) return true;
      const [number, name] = next;
      const database = this.#host.databases[number]!;
      const key = Buffer.from(name, 'latin1');
      this.#say(number, [FILE_WORDS.remove, key]);
      const entry = database.dict.find(key, 0, key.length);
      if (entry >= 0) this.#begin(database, entry);
    }
    return false;
  }

  /** In one go: then nothing has changed since, and what changes from now on is in the new increment. */
  #finish(): void {
    this.#writeAgain(Infinity);
    this.#flush();
    const base = this.#store.baseFile(this.#store.openIncrement());
    fdatasync(this.#handle, (error) => {
      if (this.#isOver) return;
      if (error !== null) {
        this.#fail(error);
        return;
      }
      this.#isOver = true;
      closeSync(this.#handle);
      renameSync(this.#file, this.#store.pathOf(base));
      this.#store.adopt(base, this.#bytes);
      this.#onEnd(null, this.#bytes);
    });
  }

  #begin(database: Database, entry: number): void {
    const words = this.#host.describe(database, entry);
    this.#current = { database: database.index, name: database.keyText(entry), words };
  }

  /** Goes on with the key at hand, however large it is; false: the time is over, and there is more to do. */
  #writeOn(end: number): boolean {
    const current = this.#current;
    // What has changed in the meantime will be written again from its beginning.
    if (current !== null && !this.#changed[current.database]!.has(current.name)) {
      for (let count = 1; ; count++) {
        const { value, done } = current.words.next();
        if (done === true) break;
        this.#say(current.database, value);
        if (count % COMMANDS_PER_LOOK === 0 && performance.now() > end) return false;
      }
    }
    this.#current = null;
    return ++this.#looks % COMMANDS_PER_LOOK !== 0 || performance.now() <= end;
  }

  #say(database: number, words: readonly (string | Buffer)[]): void {
    if (database !== this.#selected) {
      this.#selected = database;
      this.#append([FILE_WORDS.select, String(database)]);
    }
    this.#append(words);
  }

  #append(words: readonly (string | Buffer)[]): void {
    const bytes = encodeWords(
      words.map((word) => (typeof word === 'string' ? Buffer.from(word, 'latin1') : word)),
    );
    this.#buffer.append(bytes, 0, bytes.length);
    if (this.#buffer.length > BUFFER_BYTES_MAX) this.#flush();
  }

  #flush(): void {
    const { bytes, length } = this.#buffer;
    let at = 0;
    while (at < length) at += writeSync(this.#handle, bytes, at, length - at);
    this.#bytes += length;
    this.#buffer.clear();
  }

  #fail(error: unknown): void {
    this.cancel();
    this.#onEnd(error instanceof Error ? error : new Error(String(error)), 0);
  }
}
