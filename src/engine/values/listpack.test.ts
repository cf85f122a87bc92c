import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../test/support/random.ts';
import { startRedis } from '../../../test/support/redis.ts';
import { Arena } from '../memory/arena.ts';
import { Element, Listpack } from './listpack.ts';

const INTEGERS = [0, 1, 127, 128, -1, 4095, 4096, -4096, -4097, 32_767, 32_768, -32_769]
  .concat([8_388_607, 8_388_608, 2 ** 31 - 1, 2 ** 31, -(2 ** 31) - 1])
  .map(String)
  .concat(['9007199254740993', '-9223372036854775808', '9223372036854775807']);
const TEXTS = ['', 'a', '007', '+1', '-0', 'x'.repeat(63), 'y'.repeat(64), 'z'.repeat(4096)];

function all(pack: Listpack): string[] {
  const element = new Element();
  const found: string[] = [];
  for (let at = pack.first(); at !== 0; at = pack.next(at)) {
    pack.read(at, element);
    found.push(element.text);
  }
  return found;
}

test('it holds what a list holds, whatever is put in, replaced and taken out', () => {
  const random = new Random(5);
  const arena = new Arena();
  const pack = new Listpack(arena);
  const list: string[] = [];
  const element = new Element();
  for (let i = 0; i < 5000; i++) {
    const text = random.pick(random.chance(50) ? INTEGERS : TEXTS);
    const bytes = Buffer.from(text, 'latin1');
    const place = random.below(list.length + 1);
    const at = pack.seek(place);
    if (random.chance(list.length > 40 ? 20 : 60)) {
      if (at === 0) pack.append(bytes, 0, bytes.length);
      else pack.insert(at, bytes, 0, bytes.length);
      list.splice(place, 0, text);
    } else if (at !== 0 && random.chance(50)) {
      pack.replace(at, bytes, 0, bytes.length);
      list[place] = text;
    } else if (at !== 0) {
      const count = random.between(1, 3);
      const next = pack.removeRange(at, count);
      list.splice(place, count);
      if (next === 0) assert.equal(place, list.length);
    }
    assert.equal(pack.count, list.length);
  }
  assert.deepEqual(all(pack), list);
  for (const [index, text] of list.entries()) {
    const bytes = Buffer.from(text, 'latin1');
    pack.read(pack.seek(index - list.length), element);
    assert.equal(element.text, text);
    assert.ok(pack.equals(pack.seek(index), bytes, 0, bytes.length));
    const found = pack.find(pack.first(), bytes, 0, bytes.length, 0);
    assert.equal(found, pack.seek(list.indexOf(text)));
  }
  pack.free();
  assert.equal(arena.bytes, 0);
});

test('its bytes are those of a real server', async () => {
  await using server = await startRedis({ config: { rdbcompression: 'no' } });
  const pack = new Listpack(new Arena());
  const elements = [...INTEGERS, ...TEXTS.slice(0, -1)];
  for (const text of elements) {
    const bytes = Buffer.from(text, 'latin1');
    pack.append(bytes, 0, bytes.length);
  }
  await server.ask('RPUSH', 'k', ...elements);
  const reply = Buffer.from(await server.ask('DUMP', 'k'), 'latin1');
  assert.ok(reply.includes(pack.view()), 'the dump contains the listpack');
});
