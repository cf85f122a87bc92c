/** Writes a command anew with other keys: prefix removed, format applied, every key by its own route. */
import { Command } from '../commands/command.ts';
import type { KeyPositions } from '../commands/keys.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { EMPTY } from '../core/bytes.ts';
import type { CompiledRoute } from './route.ts';

/** Longest head of a bulk string or array: type, ten digits, CRLF. */
const HEAD_BYTES_MAX = 13;
const SCRATCH_BYTES_MIN = 4096;
/** A scratch buffer that grew beyond this for one big command is let go. */
const SCRATCH_BYTES_KEPT = 1024 * 1024;

export class Rewriter {
  readonly #command: Command;
  #scratch: Buffer = Buffer.allocUnsafeSlow(SCRATCH_BYTES_MIN);
  /** Per argument: 1 + index of its key, 0 for none. */
  #keyOf: Int32Array = new Int32Array(16);

  constructor(unknown: CommandSpec) {
    this.#command = new Command(unknown, EMPTY);
  }

  /** The result is valid until the next call. */
  rewrite(source: Command, keys: KeyPositions, routes: readonly (CompiledRoute | null)[]): Command {
    const target = this.#command;
    target.spec = source.spec;
    target.database = source.database;
    target.protocol = source.protocol;
    target.affinity = source.affinity;
    target.argc = source.argc;
    target.start = 0;
    target.reserve(source.argc);
    this.#markKeys(source.argc, keys);
    this.#reserve(source, keys, routes);
    const out = this.#scratch;
    let at = out.write(`*${source.argc}\r\n`, 0, 'latin1');
    for (let i = 0; i < source.argc; i++) {
      const key = this.#keyOf[i]!;
      at = this.#writeArgument(source, i, key === 0 ? null : routes[key - 1]!, at);
    }
    target.bytes = out;
    target.end = at;
    if (out.length > SCRATCH_BYTES_KEPT) this.#scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES_MIN);
    return target;
  }

  #writeArgument(
    source: Command,
    index: number,
    route: CompiledRoute | null,
    from: number,
  ): number {
    const out = this.#scratch;
    const start = source.argStart(index) + (route?.cut ?? 0);
    const end = source.argEnd(index);
    const before = route?.before ?? EMPTY;
    const after = route?.after ?? EMPTY;
    const length = before.length + (end - start) + after.length;
    let at = from + out.write(`$${length}\r\n`, from, 'latin1');
    this.#command.offsets[index * 2] = at;
    at += before.copy(out, at);
    at += source.bytes.copy(out, at, start, end);
    at += after.copy(out, at);
    this.#command.offsets[index * 2 + 1] = at;
    return at + out.write('\r\n', at, 'latin1');
  }

  #markKeys(argc: number, keys: KeyPositions): void {
    if (this.#keyOf.length < argc) this.#keyOf = new Int32Array(argc * 2);
    this.#keyOf.fill(0, 0, argc);
    for (let i = 0; i < keys.count; i++) this.#keyOf[keys.indexes[i]!] = i + 1;
  }

  #reserve(source: Command, keys: KeyPositions, routes: readonly (CompiledRoute | null)[]): void {
    let size = source.end - source.start + HEAD_BYTES_MAX * (source.argc + 1);
    for (let i = 0; i < keys.count; i++) {
      const route = routes[i]!;
      if (route !== null) size += route.before.length + route.after.length;
    }
    if (this.#scratch.length < size) this.#scratch = Buffer.allocUnsafeSlow(size * 2);
  }
}
