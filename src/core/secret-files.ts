/**
 * Secrets that stand in files and may be exchanged there while they are in use.
 *
 * Folders are watched rather than files, because whoever exchanges a secret well puts a new file in the
 * place of the old one, or turns a symbolic link of the folder (as Kubernetes does). File systems that tell
 * nothing (network, some containers) are covered by looking every few seconds. What is read is compared, so
 * a watch that tells too much costs only a read.
 */
import { type FSWatcher, watch } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Log } from './log.ts';

/** A secret that may change: to be read whenever it is used. */
export interface Secret {
  readonly text: string;
}

/** A larger file is none. */
const SECRET_BYTES_MAX = 64 * 1024;
/** One exchange is several events; and a file being written is not read half. */
const SETTLE_MS = 50;
const POLL_MS = 5000;

interface SecretFile {
  readonly path: string;
  text: string;
  /** It could not be read the last time, which was told in the log. */
  isBroken: boolean;
}

/** The secret in a file, without the line break that editors leave at its end. */
export function secretIn(content: string): string {
  return content.replace(/\r?\n$/, '');
}

export class SecretFiles {
  readonly #log: Log;
  readonly #pollMs: number;
  readonly #files: Map<string, SecretFile> = new Map();
  readonly #watchers: Map<string, FSWatcher> = new Map();
  #settling: NodeJS.Timeout | null = null;
  #poll: NodeJS.Timeout | null = null;
  #isReading = false;
  #isClosed = false;

  constructor(log: Log, pollMs: number = POLL_MS) {
    this.#log = log;
    this.#pollMs = pollMs;
  }

  /** `text` is what was read in the file. */
  open(path: string, text: string): Secret {
    const known = this.#files.get(path);
    if (known !== undefined) {
      // Whoever asks has just read it, perhaps before we look again.
      known.text = text;
      return known;
    }
    const file = { path, text, isBroken: false };
    this.#files.set(path, file);
    this.#watch(dirname(path));
    // It may have changed since it was read, before anyone watched.
    this.#settle();
    this.#poll ??= setInterval(() => this.#look(), this.#pollMs).unref();
    return file;
  }

  /** Others are not looked at any more. */
  retain(paths: ReadonlySet<string>): void {
    for (const path of [...this.#files.keys()]) if (!paths.has(path)) this.#files.delete(path);
    const folders = new Set([...this.#files.keys()].map(dirname));
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
  }

  close(): void {
    this.#isClosed = true;
    if (this.#settling !== null) clearTimeout(this.#settling);
    if (this.#poll !== null) clearInterval(this.#poll);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #watch(folder: string): void {
    if (this.#watchers.has(folder)) return;
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#settle());
      watcher.on('error', () => watcher.close());
      this.#watchers.set(folder, watcher);
    } catch (cause) {
      // The system has no more watches to give: the poll finds changes too, only later.
      this.#log.debug({ folder, reason: String(cause) }, 'folder of a secret is not watched');
    }
  }

  #settle(): void {
    this.#settling ??= setTimeout(() => {
      this.#settling = null;
      this.#look();
    }, SETTLE_MS).unref();
  }

  /** One look at a time; what happens meanwhile is an event, or the next poll's. */
  #look(): void {
    if (this.#isReading) {
      this.#settle();
      return;
    }
    this.#isReading = true;
    void Promise.all([...this.#files.values()].map((file) => this.#read(file))).then(() => {
      this.#isReading = false;
    });
  }

  async #read(file: SecretFile): Promise<void> {
    let text: string;
    try {
      const { size } = await stat(file.path);
      if (size > SECRET_BYTES_MAX) throw new Error('it is too large to be a secret');
      text = secretIn(await readFile(file.path, 'utf8'));
      if (text === '') throw new Error('it is empty');
    } catch (cause) {
      this.#onBroken(file, cause instanceof Error ? cause.message : String(cause));
      return;
    }
    if (this.#isClosed) return;
    file.isBroken = false;
    if (text === file.text) return;
    file.text = text;
    this.#log.info({ file: file.path }, 'secret exchanged');
  }

  /** The old secret stays in use: most likely somebody is writing the new one. */
  #onBroken(file: SecretFile, reason: string): void {
    if (file.isBroken || this.#isClosed) return;
    file.isBroken = true;
    this.#log.warn({ file: file.path, reason }, 'secret cannot be read anew, the old one stays');
  }
}
