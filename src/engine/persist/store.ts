/**
 * The data of an engine in a directory, in the files of Redis 7:
 *
 *   DIR/appendonlydir/appendonly.aof.manifest      which files, in which order
 *                     appendonly.aof.N.base.aof    everything at one moment
 *                     appendonly.aof.N.incr.aof    what was written since
 *
 * https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
 */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { AppendLog, type FsyncPolicy, type LogOwner } from './append-log.ts';
import { type LoadHost, loadFile } from './load.ts';
import { type DataFile, readManifest, syncFolder, writeManifest } from './manifest.ts';

const FOLDER = 'appendonlydir';
const FILE = 'appendonly.aof';

export class Store {
  readonly log: AppendLog;
  readonly folder: string;
  readonly #manifest: string;
  #files: readonly DataFile[];
  /** Bytes of base and increments when it was last written anew. */
  #baseBytes: number;
  /** Bytes of increments before the one at hand. */
  #olderBytes: number;

  /** Loads what is there. Throws `LoadError`, `ManifestError`, and what the file system says. */
  constructor(folder: string, policy: FsyncPolicy, host: LoadHost & LogOwner) {
    this.folder = path.join(folder, FOLDER);
    this.#manifest = path.join(this.folder, `${FILE}.manifest`);
    mkdirSync(this.folder, { recursive: true });
    syncFolder(folder);
    const found = readManifest(this.#manifest);
    this.#files = found ?? [];
    const sizes = this.#load(host);
    const last = this.#increments.at(-1);
    const current = last ?? { name: incrementName(1), sequence: 1, type: 'i' };
    if (last === undefined) {
      this.#files = [...this.#files, current];
    }
    this.log = new AppendLog(this.pathOf(current), sizes.last, policy, host);
    if (last === undefined) this.#save();
    this.#baseBytes = sizes.base;
    this.#olderBytes = sizes.older;
  }

  /** All that is on the disk and needed. */
  get bytes(): number {
    return this.#baseBytes + this.#olderBytes + this.log.bytes;
  }

  /** How much the last rewrite left. */
  get baseBytes(): number {
    return this.#baseBytes;
  }

  pathOf({ name }: Pick<DataFile, 'name'>): string {
    return path.join(this.folder, name);
  }

  /** From now on what is written goes to a new file, that a new base will fit in front of. Its number. */
  openIncrement(): number {
    const sequence = (this.#increments.at(-1)?.sequence ?? 0) + 1;
    const file: DataFile = { name: incrementName(sequence), sequence, type: 'i' };
    this.#olderBytes += this.log.bytes;
    this.log.switchTo(this.pathOf(file));
    this.#files = [...this.#files, file];
    this.#save();
    return sequence;
  }

  /** What a base with this number is called. */
  baseFile(sequence: number): DataFile {
    return { name: `${FILE}.${sequence}.base.aof`, sequence, type: 'b' };
  }

  /** The base is there: it and the increment of its number are all that is needed. */
  adopt(base: DataFile, bytes: number): void {
    const kept = this.#increments.filter(({ sequence }) => sequence >= base.sequence);
    const gone = this.#files.filter((file) => !kept.includes(file));
    this.#files = [base, ...kept];
    this.#save();
    this.#baseBytes = bytes;
    this.#olderBytes = 0;
    for (const file of gone) rmSync(this.pathOf(file), { force: true });
  }

  close(): void {
    this.log.close();
  }

  get #increments(): readonly DataFile[] {
    return this.#files.filter(({ type }) => type === 'i');
  }

  #load(host: LoadHost): { base: number; older: number; last: number } {
    const sizes = { base: 0, older: 0, last: 0 };
    const needed = this.#files.filter(({ type }) => type !== 'h');
    for (const [index, file] of needed.entries()) {
      const isLast = index === needed.length - 1;
      const bytes = loadFile(this.folder, file, isLast, host);
      if (file.type === 'b') sizes.base = bytes;
      else if (isLast) sizes.last = bytes;
      else sizes.older += bytes;
    }
    this.#removeStrangers();
    return sizes;
  }

  /** Bases that were being written when the process ended. */
  #removeStrangers(): void {
    for (const name of readdirSync(this.folder)) {
      if (!name.startsWith('temp-')) continue;
      const file = path.join(this.folder, name);
      if (statSync(file).isFile()) rmSync(file, { force: true });
    }
  }

  #save(): void {
    writeManifest(this.#manifest, this.#files);
  }
}

function incrementName(sequence: number): string {
  return `${FILE}.${sequence}.incr.aof`;
}
