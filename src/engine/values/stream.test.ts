import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineClient } from '../../../test/support/engine.ts';
import { Random, seedOfRun } from '../../../test/support/random.ts';
import { startRedis } from '../../../test/support/redis.ts';
import { Engine } from '../engine.ts';
import { Pending } from './pending.ts';
import { Stream } from './stream.ts';
import {
  compareIds,
  IdForm,
  msDifference,
  parseId,
  StreamId,
  seqDifference,
  writeId,
} from './stream-id.ts';

const NUMBERS = ['0', '1', '4294967295', '4294967296', '9007199254740991', '9007199254740993'];
const EDGES = [...NUMBERS, '9223372036854775808', '18446744073709551614', '18446744073709551615'];

function idOf(text: string): StreamId {
  const id = new StreamId();
  const bytes = Buffer.from(text);
  assert.equal(parseId(bytes, 0, bytes.length, id, true, false), IdForm.whole);
  return id;
}

test('ids of 64 and 64 bits stay exact: read, written, compared, counted on and told by differences', () => {
  const bytes = Buffer.alloc(64);
  const texts = EDGES.flatMap((ms) => EDGES.map((seq) => `${ms}-${seq}`));
  const max = 2n ** 64n;
  for (const [place, text] of texts.entries()) {
    const id = idOf(text);
    assert.equal(bytes.toString('latin1', 0, writeId(bytes, 0, id)), text);
    assert.equal(id.text, text);
    for (const [otherPlace, otherText] of texts.entries()) {
      const other = idOf(otherText);
      assert.equal(Math.sign(compareIds(id, other)), Math.sign(place - otherPlace));
      const sum = new StreamId();
      sum.setSum(other, msDifference(id, other), seqDifference(id, other));
      assert.equal(sum.text, text);
    }
    const [ms, seq] = text.split('-').map(BigInt) as [bigint, bigint];
    const next = (ms * max + seq + 1n) % (max * max);
    const moved = id.clone();
    assert.equal(moved.increment(), next !== 0n);
    assert.equal(moved.text, `${next / max}-${next % max}`);
    assert.equal(moved.decrement(), next !== 0n);
    assert.equal(moved.text, text);
  }
});

test('what waits to be confirmed is kept in order, wherever it is put in and taken out', () => {
  const random = new Random(seedOfRun());
  const pending = new Pending(2);
  const model = new Map<number, number>();
  const id = new StreamId();
  for (let i = 0; i < 30_000; i++) {
    // It grows, and is taken apart again.
    const isAdding = random.chance(i < 15_000 ? 70 : 30);
    const ms = random.below(4000);
    id.setTime(ms);
    assert.equal(pending.find(id), model.has(ms));
    if (isAdding && !model.has(ms)) {
      pending.add(id);
      pending.setWide(0, i * 2 ** 24);
      model.set(ms, i * 2 ** 24);
    } else if (!isAdding && model.has(ms)) {
      pending.remove();
      model.delete(ms);
    } else if (model.has(ms)) assert.equal(pending.wide(0), model.get(ms));
    if (i % 500 === 0) assert.deepEqual(timesFrom(pending, 0), inOrder(model, 0));
  }
  assert.deepEqual(timesFrom(pending, 1999), inOrder(model, 1999));
  assert.equal(pending.count, model.size);
});

function timesFrom(pending: Pending, ms: number): number[] {
  const found: number[] = [];
  const id = new StreamId();
  id.setTime(ms);
  for (let is = pending.seek(id); is; is = pending.next()) {
    pending.readId(id);
    found.push(id.msLow);
  }
  return found;
}

function inOrder(model: ReadonlyMap<number, number>, from: number): number[] {
  return [...model.keys()].filter((ms) => ms >= from).sort((a, b) => a - b);
}

test('nodes have the bytes that DUMP of a real server has', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const settings = { 'stream-node-max-entries': '7', 'stream-node-max-bytes': '300' };
  await using server = await startRedis({ config: { ...settings, rdbcompression: 'no' } });
  const engine = new Engine();
  engine.settings.streamNodeMaxEntries = 7;
  engine.settings.streamNodeMaxBytes = 300;
  const client = new EngineClient(engine);
  for (let i = 1; i < 600; i++) {
    const words = change(random, i);
    assert.equal(client.ask(words), await server.ask(...words));
  }
  const dump = await server.ask('DUMP', 'k');
  const database = engine.databases[0]!;
  const stream = database.objectOf(database.find(Buffer.from('k'), 0, 1));
  assert.ok(stream instanceof Stream && stream.nodeCount > 5);
  let at = 0;
  for (let i = 0; i < stream.nodeCount; i++) {
    at = dump.indexOf(stream.nodeAt(i)!.pack.view().toString('latin1'), at);
    assert.ok(at > 0, `node ${i}`);
  }
});

function change(random: Random, i: number): string[] {
  const id = `${i * 5000}-${random.below(3)}`;
  const fields = random.pick([
    ['f', 'v'],
    ['f', '12', 'g', 'x'.repeat(80)],
    ['7', '-70000'],
  ]);
  switch (random.below(8)) {
    case 0:
      return ['XDEL', 'k', `${(i - random.below(9)) * 5000}-${random.below(3)}`];
    case 1:
      return ['XADD', 'k', 'MAXLEN', '~', '60', id, ...fields];
    case 2:
      return ['XADD', 'k', 'MAXLEN', '60', id, ...fields];
    default:
      return ['XADD', 'k', id, ...fields];
  }
}

test('a stream gives all of its memory back', () => {
  const engine = new Engine();
  const client = new EngineClient(engine);
  client.ask(['SET', 'k', 'v']);
  client.ask(['DEL', 'k']);
  const before = engine.arena.bytes;
  for (let i = 1; i <= 1000; i++) client.ask(['XADD', 'k', `${i}-1`, 'f', 'v'.repeat(50)]);
  const database = engine.databases[0]!;
  const stream = database.objectOf(database.find(Buffer.from('k'), 0, 1));
  const full = engine.arena.bytes;
  let slices = 1;
  while (!stream.release(200)) slices++;
  assert.ok(slices >= 4, String(slices));
  client.ask(['DEL', 'k']);
  assert.ok(full > 50_000);
  assert.equal(engine.arena.bytes, before);
});
