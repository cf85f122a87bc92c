/** Both decoders in process: however a stream is cut, the frames are the same; no bytes make them throw. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from '../../src/commands/command.ts';
import { UNKNOWN } from '../../src/commands/lookup.ts';
import { CommandDecoder, FAULT, MORE, READY } from '../../src/resp/command-decoder.ts';
import { ReplyDecoder } from '../../src/resp/reply-decoder.ts';
import { caseFiles, readCases } from '../conformance/cases.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';
import { startRedis } from '../support/redis.ts';
import { Wire } from '../support/wire.ts';
import { corpus, mutate } from './mutate.ts';

const LIMITS = {
  bulkBytesMax: 512 * 1024 * 1024,
  elementsMax: 1024 * 1024,
  inlineBytesMax: 64 * 1024,
};
const REPLY_MAX = 64 * 1024 * 1024;
/** Bytes that belong to nobody: a decoder that reads past the chunk it was given meets them. */
const POISON = 0x58;
/** More frames than bytes: the decoder does not move. */
const FRAMES_MAX = 200_000;

interface Decoder {
  push(chunk: Buffer, length: number): void;
  next(): number;
  settle(): void;
}

/** Feeds the pieces from one reused buffer, as sockets do, and lists what was found. */
function feed(decoder: Decoder, pieces: readonly Buffer[], take: () => string): string[] {
  const found: string[] = [];
  const shared = Buffer.alloc(Math.max(1, ...pieces.map((piece) => piece.length)) + 64);
  for (const piece of pieces) {
    shared.fill(POISON);
    piece.copy(shared);
    decoder.push(shared, piece.length);
    let state = decoder.next();
    while (state === READY) {
      found.push(take());
      if (found.length > FRAMES_MAX) throw new Error('frames without end');
      state = decoder.next();
    }
    if (state === FAULT) return [...found, 'FAULT'];
    assert.equal(state, MORE);
    decoder.settle();
  }
  return found;
}

function commandsOf(pieces: readonly Buffer[]): string[] {
  const command = new Command(UNKNOWN, Buffer.alloc(0));
  const decoder = new CommandDecoder(LIMITS, command);
  return feed(decoder, pieces, () => {
    const words = Array.from({ length: command.argc }, (_none, index) => command.text(index));
    const raw = command.bytes.toString('latin1', command.start, command.end);
    return JSON.stringify([words, raw]);
  }).map((one) => (one === 'FAULT' ? `FAULT ${decoder.fault}` : one));
}

function repliesOf(pieces: readonly Buffer[]): string[] {
  const decoder = new ReplyDecoder({ bytesMax: REPLY_MAX, nestingMax: 128 });
  return feed(decoder, pieces, () => decoder.bytes.toString('latin1', decoder.start, decoder.end));
}

function cutAt(bytes: Buffer, ...places: readonly number[]): Buffer[] {
  const all = [0, ...places.toSorted((a, b) => a - b), bytes.length];
  return all.slice(1).map((end, index) => bytes.subarray(all[index]!, end));
}

function singleBytes(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (_byte, index) => bytes.subarray(index, index + 1));
}

const dialogues = caseFiles().map((file) => ({
  file,
  bytes: Buffer.concat(
    readCases(file)
      .filter(({ bytes, fault }) => !fault && bytes.length < 2000)
      .map(({ bytes }) => bytes),
  ),
}));

for (const { file, bytes } of dialogues.filter((one) => one.bytes.length > 0)) {
  test(`${file}: its commands are the same whatever byte they are cut at`, () => {
    const whole = commandsOf([bytes]);
    assert.ok(whole.length > 10 && !whole.at(-1)?.startsWith('FAULT'), whole.at(-1) ?? 'nothing');
    assert.deepEqual(commandsOf(singleBytes(bytes)), whole);
    for (let at = 1; at < bytes.length; at++) {
      const pieces = cutAt(bytes, at);
      const found = commandsOf(pieces);
      if (found.length !== whole.length || found.some((one, index) => one !== whole[index])) {
        assert.deepEqual(found, whole, `cut at ${at}`);
      }
    }
  });
}

test('a fault is the same fault whatever byte it is cut at, and the commands before it are found', () => {
  for (const { name, bytes } of readCases('faults.txt').filter((one) => one.bytes.length < 2000)) {
    const whole = commandsOf([bytes]);
    assert.deepEqual(commandsOf(singleBytes(bytes)), whole, name);
    for (let at = 1; at < bytes.length; at++) {
      assert.deepEqual(commandsOf(cutAt(bytes, at)), whole, `${name} cut at ${at}`);
    }
  }
});

test('recorded replies of a real server are the same whatever byte they are cut at', async () => {
  await using server = await startRedis();
  for (const protocol of [2, 3] as const) {
    const recorded = await record(server.port, protocol);
    const bytes = Buffer.from(recorded.join(''), 'latin1');
    assert.deepEqual(repliesOf([bytes]), recorded);
    assert.deepEqual(repliesOf(singleBytes(bytes)), recorded);
    for (let at = 1; at < bytes.length; at++) {
      const found = repliesOf(cutAt(bytes, at));
      if (found.length !== recorded.length || found.some((one, index) => one !== recorded[index])) {
        assert.deepEqual(found, recorded, `cut at ${at}`);
      }
    }
  }
});

test('damaged streams end in frames, a fault or a wait, and alike for every cut', (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const cases = corpus().filter(({ bytes }) => bytes.length < 3000);
  const end = performance.now() + secondsOfRun(5, 0.5) * 1000;
  let rounds = 0;
  while (performance.now() < end) {
    rounds++;
    const parts = Array.from({ length: random.between(1, 4) }, () => random.pick(cases).bytes);
    // How a line beyond the limit of 64 KiB is refused depends on how it is cut, in Redis too.
    const bytes = mutate(Buffer.concat(parts), random).subarray(0, 60_000);
    const places = Array.from({ length: random.between(1, 6) }, () =>
      random.below(bytes.length + 1),
    );
    for (const decode of [commandsOf, repliesOf]) {
      const [whole, cut] = [decode([bytes]), decode(cutAt(bytes, ...places))];
      assert.deepEqual(
        cut,
        whole,
        `seed ${random.seed}, round ${rounds}: ${JSON.stringify(bytes.toString('latin1').slice(0, 500))}`,
      );
    }
  }
  context.diagnostic(`${rounds} rounds`);
});

/** Replies of a real server to the recorded commands, without the long ones. */
async function record(port: number, protocol: 2 | 3): Promise<string[]> {
  await using wire = await Wire.connect({ port }, { protocol });
  await wire.ask('FLUSHALL');
  const recorded: string[] = [];
  for (const { bytes } of corpus().filter((one) => one.bytes.length < 500 && one.command !== '')) {
    if (/hello|reset|quit/i.test(bytes.toString('latin1', 0, 20))) continue;
    wire.write(bytes);
    const reply = await wire.read();
    if (reply.length < 300 && recorded.length < 400) recorded.push(reply);
  }
  return recorded;
}
