import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from './command.ts';
import { channelsOf, KeyPositions, keysOf, sortPatternsOf } from './keys.ts';
import { CommandTable, UNKNOWN } from './lookup.ts';

const table = new CommandTable(['foo.get']);
const positions = new KeyPositions();

function command(text: string): Command {
  const made = new Command(UNKNOWN, Buffer.alloc(0));
  made.fill(text.split(' ').map((word) => Buffer.from(word)));
  const spec = table.resolve(made);
  assert.ok(spec, text);
  made.spec = spec;
  return made;
}

function taken(found: KeyPositions): number[] | 'invalid' {
  return found.invalid ? 'invalid' : [...found.indexes.subarray(0, found.count)];
}

function keys(text: string): number[] | 'invalid' {
  return taken(keysOf(command(text), positions));
}

test('keys stand at one place, in a range, or at every second place', () => {
  assert.deepEqual(keys('GET a'), [1]);
  assert.deepEqual(keys('MGET a b c'), [1, 2, 3]);
  assert.deepEqual(keys('MSET a 1 b 2'), [1, 3]);
  assert.deepEqual(keys('OBJECT encoding a'), [2]);
});

test('commands without keys have none, and that is no fault', () => {
  assert.deepEqual(keys('PING'), []);
  assert.deepEqual(keys('EVAL s 0 x'), []);
});

test('a number of keys is followed, and one that is too large or no number is invalid', () => {
  assert.deepEqual(keys('ZUNIONSTORE d 2 a b WEIGHTS 1 2'), [1, 3, 4]);
  assert.deepEqual(keys('EVAL s 2 a b c'), [3, 4]);
  assert.deepEqual(keys('MSETEX 2 a 1 b 2 EX 5'), [2, 4]);
  for (const text of ['ZUNION 3 a b', 'ZUNION x a', 'ZUNION 0 a', 'ZUNION 99999999999 a']) {
    assert.equal(keys(text), 'invalid', text);
  }
});

test('streams stand behind STREAMS and before their ids', () => {
  assert.deepEqual(keys('XREAD COUNT 2 streams a b 0 0'), [4, 5]);
  assert.deepEqual(keys('XREADGROUP GROUP g c STREAMS a >'), [5]);
  assert.equal(keys('XREAD COUNT 2 a b'), 'invalid');
});

test('the place a command stores into is a key', () => {
  assert.deepEqual(keys('SORT a BY x_* STORE d'), [1, 5]);
  assert.deepEqual(keys('GEORADIUS a 1 2 3 m STORE d'), [1, 7]);
});

test('patterns of SORT are told apart from keys', () => {
  const found = sortPatternsOf(
    command('SORT a BY w_* GET # GET o_*->f LIMIT 0 5 GET x'),
    positions,
  );
  assert.deepEqual(taken(found), [3, 7]);
});

test('channels are no keys, but can be asked for', () => {
  assert.deepEqual(keys('SPUBLISH c m'), []);
  assert.deepEqual(taken(channelsOf(command('SPUBLISH c m'), positions)), [1]);
  assert.deepEqual(taken(channelsOf(command('SSUBSCRIBE c d'), positions)), [1, 2]);
  assert.deepEqual(taken(channelsOf(command('GET a'), positions)), []);
});

test('the first argument of a custom command is its key', () => {
  assert.deepEqual(keys('foo.get a b'), [1]);
});

test('more keys than there was room for make room', () => {
  const words = Array.from({ length: 1000 }, (_, at) => `k${at}`).join(' ');
  const found = keysOf(command(`DEL ${words}`), new KeyPositions());
  assert.equal(found.count, 1000);
  assert.equal(found.indexes[999], 1000);
});

test('nothing is left of the command before', () => {
  keysOf(command('MGET a b c d'), positions);
  assert.deepEqual(keys('GET a'), [1]);
  keysOf(command('ZUNION x a'), positions);
  assert.deepEqual(keys('GET a'), [1]);
});
