/**
 * Reads commands from a file of them (RESP arrays of bulk strings, with `#` lines between them), piece by piece, and knows
 * at which byte each begins: what is cut off at the end can be told from what is damaged.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { Command } from '../../commands/command.ts';
import { UNKNOWN } from '../../commands/lookup.ts';

const CHUNK_BYTES = 4 * 1024 * 1024;
const LINE_BYTES_MAX = 4096;
const ARGUMENTS_MAX = 1024 * 1024;
const STAR = 0x2a;
const DOLLAR = 0x24;
const HASH = 0x23;
const CR = 0x0d;
const LF = 0x0a;
const ZERO = 0x30;
const NINE = 0x39;

/** How reading ended. */
export type FileEnd =
  | { readonly kind: 'whole' }
  /** The last command is not all there; `offset` is where it begins. */
  | { readonly kind: 'cut'; readonly offset: number }
  /** Something that is no command. */
  | { readonly kind: 'damaged'; readonly offset: number; readonly reason: string };

/** The bytes that are there say nothing yet. */
const MORE = -1;

export class CommandFile {
  /** Filled anew for each command. */
  readonly command: Command = new Command(UNKNOWN, Buffer.alloc(0));
  /** Where in the file the command begins. */
  offset = 0;
  readonly #handle: number;
  #buffer: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  /** What is not read yet is `#buffer[#at, #end)`; `#at` is at `#base + #at` in the file. */
  #at = 0;
  #end = 0;
  #base = 0;
  #isAtEnd = false;
  #reason = '';

  constructor(file: string) {
    this.#handle = openSync(file, 'r');
  }

  get size(): number {
    return fstatSync(this.#handle).size;
  }

  /** Before anything was read: the file begins with this text. */
  startsWith(text: string): boolean {
    if (this.#end === 0) this.#fill();
    return this.#buffer.toString('latin1', 0, Math.min(this.#end, text.length)) === text;
  }

  /** Null: a command is in `command`. */
  next(): FileEnd | null {
    while (true) {
      this.offset = this.#base + this.#at;
      if (this.#at === this.#end && !this.#fill()) return { kind: 'whole' };
      const end = this.#buffer[this.#at] === HASH ? this.#skipLine() : this.#parse();
      if (this.#reason !== '') return this.#fault();
      if (end === MORE) {
        if (!this.#fill()) return { kind: 'cut', offset: this.offset };
        continue;
      }
      const isCommand = this.#buffer[this.#at] === STAR;
      this.#at = end;
      if (isCommand) return null;
    }
  }

  close(): void {
    closeSync(this.#handle);
  }

  #fault(): FileEnd {
    // What a crash leaves may be a hole in the end of the file.
    if (this.#isEmptyToTheEnd()) return { kind: 'cut', offset: this.offset };
    return { kind: 'damaged', offset: this.offset, reason: this.#reason };
  }

  #isEmptyToTheEnd(): boolean {
    this.#at = this.offset - this.#base;
    while (true) {
      for (let at = this.#at; at < this.#end; at++) if (this.#buffer[at] !== 0) return false;
      this.#at = this.#end;
      if (!this.#fill()) return true;
    }
  }

  #skipLine(): number {
    const end = this.#buffer.indexOf(LF, this.#at);
    if (end >= 0 && end < this.#end) return end + 1;
    if (this.#end - this.#at > LINE_BYTES_MAX) this.#reason = 'a line has no end';
    return MORE;
  }

  /** Where the command at `#at` ends. */
  #parse(): number {
    const { command } = this;
    const start = this.#at;
    const count = this.#header(start, STAR);
    if (count < 0) return MORE;
    if (count === 0 || count > ARGUMENTS_MAX) {
      this.#reason = `a command of ${count} arguments`;
      return MORE;
    }
    command.reserve(count);
    let at = this.#headerEnd;
    for (let i = 0; i < count; i++) {
      const length = this.#header(at, DOLLAR);
      if (length < 0) return MORE;
      const begin = this.#headerEnd;
      at = begin + length + 2;
      if (at > this.#end) {
        this.#wanted = at - this.#at;
        return MORE;
      }
      if (this.#buffer[at - 2] !== CR || this.#buffer[at - 1] !== LF) {
        this.#reason = 'an argument is longer or shorter than it says';
        return MORE;
      }
      command.offsets[i * 2] = begin - start;
      command.offsets[i * 2 + 1] = begin + length - start;
    }
    command.bytes = this.#buffer;
    command.start = start;
    command.end = at;
    command.argc = count;
    return at;
  }

  #headerEnd = 0;
  /** Bytes of the command that is being read, as far as it is known. */
  #wanted = 0;

  /** The number behind `type` at `at`; MORE: not all there, or wrong. */
  #header(at: number, type: number): number {
    const buffer = this.#buffer;
    if (at >= this.#end) return MORE;
    if (buffer[at] !== type) {
      this.#reason = `${JSON.stringify(String.fromCharCode(type))} expected`;
      return MORE;
    }
    let value = 0;
    for (let i = at + 1; i < this.#end; i++) {
      const byte = buffer[i]!;
      if (byte === CR && i > at + 1) {
        if (i + 1 >= this.#end) return MORE;
        if (buffer[i + 1] !== LF) break;
        this.#headerEnd = i + 2;
        return value;
      }
      if (byte < ZERO || byte > NINE || i > at + 11) break;
      value = value * 10 + byte - ZERO;
      if (i + 1 >= this.#end) return MORE;
    }
    if (at + 1 < this.#end) this.#reason = 'a length is no number';
    return MORE;
  }

  /** Reads on; false: there is no more. What is not read yet stays. */
  #fill(): boolean {
    if (this.#isAtEnd) return false;
    const rest = this.#end - this.#at;
    const needed = Math.max(CHUNK_BYTES, this.#wanted, rest * 2);
    this.#wanted = 0;
    const target = needed > this.#buffer.length ? Buffer.allocUnsafeSlow(needed) : this.#buffer;
    this.#buffer.copy(target, 0, this.#at, this.#end);
    this.#buffer = target;
    this.#base += this.#at;
    this.#at = 0;
    this.#end = rest;
    const count = readSync(this.#handle, target, rest, target.length - rest, null);
    this.#end += count;
    if (count === 0) this.#isAtEnd = true;
    return count > 0;
  }
}
