/** Runs what the files of a directory say, so that the engine has what it had. */
import { truncateSync } from 'node:fs';
import path from 'node:path';
import type { Command } from '../../commands/command.ts';
import { CommandTable } from '../../commands/lookup.ts';
import { TRANSACTION } from '../../commands/own.ts';
import { CommandFile } from './command-file.ts';
import type { DataFile } from './manifest.ts';

/** A file that cannot be loaded. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
  readonly file: string;
  /** The byte of the file from which on it is not understood. */
  readonly offset: number;

  constructor(file: string, offset: number, reason: string) {
    super(`${file}, byte ${offset}: ${reason}`);
    this.file = file;
    this.offset = offset;
  }
}

export interface LoadHost {
  /** Runs it; a text: the error it was answered with. */
  replay(command: Command, database: number): string | null;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** `REDIS` and a version: an RDB file, or one with an RDB in front. */
const RDB_MAGIC = 'REDIS';
const table: CommandTable = new CommandTable([]);

/** Loads one file; what it ends with. The last one may be cut off, as a crash leaves it. Throws `LoadError`. */
export function loadFile(
  folder: string,
  { name }: DataFile,
  isLast: boolean,
  host: LoadHost,
): number {
  const file = path.join(folder, name);
  const reader = new CommandFile(file);
  try {
    if (reader.startsWith(RDB_MAGIC)) {
      throw new LoadError(
        file,
        0,
        'an RDB file; let the server write the base without one: aof-use-rdb-preamble no',
      );
    }
    const good = new Replay(file, host).run(reader);
    const { size } = reader;
    if (good === size) return size;
    if (!isLast) throw new LoadError(file, good, 'it ends in the middle of a command');
    host.warn(
      { file, offset: good, bytes: size - good },
      'the end of the file is cut off: truncated',
    );
    truncateSync(file, good);
    return good;
  } finally {
    reader.close();
  }
}

/** Commands of one file. */
class Replay {
  readonly #file: string;
  readonly #host: LoadHost;
  #database = 0;
  /** Commands since MULTI, which count only with their EXEC. */
  #queue: Command[] | null = null;
  /** Where what was not run yet begins. */
  #queueOffset = 0;

  constructor(file: string, host: LoadHost) {
    this.#file = file;
    this.#host = host;
  }

  /** Up to which byte all was run. */
  run(reader: CommandFile): number {
    let end = reader.next();
    while (end === null) {
      this.#take(reader.command, reader.offset);
      end = reader.next();
    }
    if (end.kind === 'damaged') throw new LoadError(this.#file, end.offset, end.reason);
    if (this.#queue !== null) return this.#queueOffset;
    return end.kind === 'cut' ? end.offset : reader.size;
  }

  #take(command: Command, offset: number): void {
    const spec = table.resolve(command);
    if (spec === undefined) throw new LoadError(this.#file, offset, 'an unknown command');
    command.spec = spec;
    switch (TRANSACTION[spec.name]) {
      case 'select':
        this.#database = Number(command.text(1));
        break;
      case 'begin':
        this.#queue = [];
        this.#queueOffset = offset;
        break;
      case 'run':
        for (const queued of this.#queue ?? []) this.#replay(queued, queued.database, offset);
        this.#queue = null;
        break;
      default:
        if (this.#queue === null) this.#replay(command, this.#database, offset);
        else {
          const copy = command.copy();
          copy.database = this.#database;
          this.#queue.push(copy);
        }
    }
  }

  #replay(command: Command, database: number, offset: number): void {
    const fault = this.#host.replay(command, database);
    if (fault === null) return;
    throw new LoadError(this.#file, offset, `${command.spec.name} is refused: ${fault}`);
  }
}
