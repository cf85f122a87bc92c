/**
 * What the engine itself takes for a command, without a socket: `node bench/engine/strings.ts [rounds] [keys]`.
 *
 * Nanoseconds per command over 100,000 keys in random order, the best of several rounds because the machine is
 * shared. The frames are made beforehand; what is measured is everything from dispatch to the reply. With few keys all
 * is in the cache of the processor: that is what the code itself takes.
 */
import { Command } from '../../src/commands/command.ts';
import { CommandTable, UNKNOWN } from '../../src/commands/lookup.ts';
import { Engine } from '../../src/engine/engine.ts';

const KEYS = Number(process.argv[3] ?? 100_000);
/** Each is `key:` and six digits. */
const KEY_LENGTH = 10;
const PLACEHOLDER = 'k'.repeat(KEY_LENGTH);

const table = new CommandTable([]);
let replied = 0;
const sink = {
  reply(_bytes: Buffer, start: number, end: number): void {
    replied += end - start;
  },
  fail(error: Error): void {
    throw error;
  },
};

/** One command for every key, in random order, in one piece of memory. */
interface Load {
  readonly command: Command;
  readonly frames: Buffer;
  readonly size: number;
}

function loadOf(words: readonly string[]): Load {
  const command = new Command(UNKNOWN, Buffer.alloc(0));
  command.fill(words.map((word) => Buffer.from(word, 'latin1')));
  command.spec = table.resolve(command)!;
  const size = command.bytes.length;
  const frames = Buffer.alloc(size * KEYS);
  const key = command.offsets[2]!;
  for (const [place, number] of shuffled().entries()) {
    command.bytes.copy(frames, place * size);
    frames.write(`key:${String(number).padStart(6, '0')}`, place * size + key, 'latin1');
  }
  command.bytes = frames;
  return { command, frames, size };
}

function shuffled(): number[] {
  const numbers = Array.from({ length: KEYS }, (_none, i) => i);
  for (let i = KEYS - 1; i > 0; i--) {
    const other = Math.floor(Math.random() * (i + 1));
    [numbers[i], numbers[other]] = [numbers[other]!, numbers[i]!];
  }
  return numbers;
}

function nanoseconds(engine: Engine, { command, size }: Load): number {
  const began = process.hrtime.bigint();
  for (let i = 0; i < KEYS; i++) {
    command.start = i * size;
    command.end = command.start + size;
    engine.dispatch(command, sink);
  }
  return Number(process.hrtime.bigint() - began) / KEYS;
}

const value = 'v'.repeat(64);
const LOADS: readonly (readonly [string, Load, prepared: Load | null])[] = [
  ['SET, new key, 64 bytes', loadOf(['SET', PLACEHOLDER, value]), null],
  ['SET, 64 bytes', loadOf(['SET', PLACEHOLDER, value]), loadOf(['SET', PLACEHOLDER, value])],
  ['SET, 3 bytes', loadOf(['SET', PLACEHOLDER, 'xxx']), loadOf(['SET', PLACEHOLDER, 'xxx'])],
  ['SET, number', loadOf(['SET', PLACEHOLDER, '12345']), loadOf(['SET', PLACEHOLDER, '1'])],
  ['SET EX', loadOf(['SET', PLACEHOLDER, value, 'EX', '100']), null],
  ['GET, 64 bytes', loadOf(['GET', PLACEHOLDER]), loadOf(['SET', PLACEHOLDER, value])],
  ['GET, 3 bytes', loadOf(['GET', PLACEHOLDER]), loadOf(['SET', PLACEHOLDER, 'xxx'])],
  ['GET, no key', loadOf(['GET', PLACEHOLDER]), null],
  ['INCR', loadOf(['INCR', PLACEHOLDER]), loadOf(['SET', PLACEHOLDER, '100'])],
  ['INCR, new key', loadOf(['INCR', PLACEHOLDER]), null],
];

/** Of each round, so that one of few keys is long enough to be measured. */
const PASSES = Math.ceil(100_000 / KEYS);
const rounds = Number(process.argv[2] ?? 9);
const best = LOADS.map(() => Number.POSITIVE_INFINITY);
for (let round = 0; round < rounds; round++) {
  for (const [index, [name, load, prepared]] of LOADS.entries()) {
    const engine = new Engine();
    if (prepared !== null) nanoseconds(engine, prepared);
    // Only the first pass finds no key.
    const passes = name.includes('new') ? 1 : PASSES;
    for (let pass = 0; pass < passes; pass++) {
      best[index] = Math.min(best[index]!, nanoseconds(engine, load));
    }
  }
}
for (const [index, [name]] of LOADS.entries()) {
  console.log(`${name.padEnd(24)} ${best[index]!.toFixed(0).padStart(6)} ns`);
}
// Looked at, so that no reply can be left out.
if (replied === 0) throw new Error('nobody answered');
