/**
 * One command on its way: a view of bytes, never a copy.
 *
 *   bytes  ....*2\r\n$3\r\nGET\r\n$3\r\nfoo\r\n....
 *              ^start                          ^end
 *   offsets    relative to `start`, two per argument: [ 8, 11,  17, 20 ]
 *
 * A decoder owns one Command and fills it anew for each frame, so it is valid only until the call that
 * received it returns. Who needs it longer copies the bytes (a link does so anyway: into its write log).
 */
import { digits, encodeWords, type Frame } from '../resp/frame.ts';
import type { Protocol } from '../resp/types.ts';
import type { CommandSpec } from './spec.ts';

const ARGUMENTS_MIN = 16;
const TEXT_BYTES_MAX = 64 * 1024;

export class Command implements Frame {
  bytes: Buffer;
  /** The frame `*N\r\n…` is `bytes[start, end)`. */
  start = 0;
  end = 0;
  /** Number of arguments, the name included. */
  argc = 0;
  offsets: Int32Array = new Int32Array(ARGUMENTS_MIN * 2);
  /** Set by whoever looked the command up. */
  spec: CommandSpec;
  database = 0;
  protocol: Protocol = 2;
  /** Chooses among several links to one server: equal for one client, so that its order is kept. */
  affinity = 0;

  constructor(spec: CommandSpec, bytes: Buffer) {
    this.spec = spec;
    this.bytes = bytes;
  }

  argStart(index: number): number {
    return this.start + this.offsets[index * 2]!;
  }

  argEnd(index: number): number {
    return this.start + this.offsets[index * 2 + 1]!;
  }

  argLength(index: number): number {
    return this.offsets[index * 2 + 1]! - this.offsets[index * 2]!;
  }

  /** A view of one argument; allocates a small object, so not for the hot path. */
  arg(index: number): Buffer {
    return this.bytes.subarray(this.argStart(index), this.argEnd(index));
  }

  /**
   * One argument as text (latin1: one character per byte, nothing lost); not for the hot path. Of an argument
   * longer than any name or number only the beginning: half a gigabyte is no text to JavaScript.
   */
  text(index: number): string {
    const start = this.argStart(index);
    const end = Math.min(this.argEnd(index), start + TEXT_BYTES_MAX);
    return this.bytes.toString('latin1', start, end);
  }

  /** The same, read as UTF-8. */
  name(index: number): string {
    const start = this.argStart(index);
    const end = Math.min(this.argEnd(index), start + TEXT_BYTES_MAX);
    return this.bytes.toString('utf8', start, end);
  }

  /** Makes room for `count` arguments, keeping those already there. */
  reserve(count: number): void {
    if (count * 2 <= this.offsets.length) return;
    const grown = new Int32Array(Math.max(count * 2, this.offsets.length * 2));
    grown.set(this.offsets);
    this.offsets = grown;
  }

  /** The same command in bytes of its own: for whoever needs it longer than its decoder keeps it. */
  copy(): Command {
    const copy = new Command(this.spec, Buffer.from(this.bytes.subarray(this.start, this.end)));
    copy.end = copy.bytes.length;
    copy.argc = this.argc;
    copy.offsets = this.offsets.slice(0, Math.max(ARGUMENTS_MIN, this.argc) * 2);
    copy.database = this.database;
    copy.protocol = this.protocol;
    copy.affinity = this.affinity;
    return copy;
  }

  /** Becomes the command made of `words`, in a frame of its own; an empty list leaves `argc` 0. */
  fill(words: readonly Uint8Array[]): void {
    this.bytes = encodeWords(words);
    this.start = 0;
    this.end = this.bytes.length;
    this.argc = words.length;
    this.reserve(words.length);
    let at = 1 + digits(words.length) + 2;
    for (const [index, word] of words.entries()) {
      at += 1 + digits(word.length) + 2;
      this.offsets[index * 2] = at;
      at += word.length;
      this.offsets[index * 2 + 1] = at;
      at += 2;
    }
  }

  /** Writes the frame anew, with the same arguments and nothing peculiar between them. */
  rewrite(): void {
    const words: Buffer[] = [];
    for (let i = 0; i < this.argc; i++) words.push(this.arg(i));
    this.fill(words);
  }
}
