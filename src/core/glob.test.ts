import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random, seedOfRun } from '../../test/support/random.ts';
import { startRedis } from '../../test/support/redis.ts';
import { globMatches } from './glob.ts';

function matches(pattern: string, text: string): boolean {
  const bytes = Buffer.from(text, 'latin1');
  return globMatches(Buffer.from(pattern, 'latin1'), bytes, 0, bytes.length);
}

test('each element of a pattern matches what Redis says it matches', () => {
  const cases: readonly [string, string, boolean][] = [
    ['', '', true],
    ['', 'a', false],
    ['*', 'anything', true],
    ['a*c', 'abbc', true],
    ['a*c', 'abbd', false],
    ['a**c', 'ac', true],
    ['*a*b*', 'xxaxxbxx', true],
    ['?', '', false],
    ['h?llo', 'hxllo', true],
    ['h[ae]llo', 'hallo', true],
    ['h[^e]llo', 'hello', false],
    ['h[a-c]llo', 'hbllo', true],
    ['h[c-a]llo', 'hbllo', true],
    ['[]a]', 'a', false],
    ['[a', 'a', true],
    ['[', 'a', false],
    ['[^', 'a', true],
    ['[\\]]', ']', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['a\\', 'a\\', true],
    ['app:*', 'app', false],
  ];
  for (const [pattern, text, expected] of cases) {
    assert.equal(matches(pattern, text), expected, `${pattern} on ${text}`);
  }
});

test('bytes around the text are not looked at', () => {
  const bytes = Buffer.from('xxabcxx');
  assert.equal(globMatches(Buffer.from('a?c'), bytes, 2, 5), true);
  assert.equal(globMatches(Buffer.from('a?cx'), bytes, 2, 5), false);
});

test('stars in numbers cost no more than their product', () => {
  const before = performance.now();
  assert.equal(matches('a*'.repeat(50).concat('b'), 'a'.repeat(5000)), false);
  assert.ok(performance.now() - before < 500);
});

test('random patterns match the keys that KEYS of a real server lists', async (context) => {
  await using server = await startRedis();
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const alphabet = ['a', 'b', 'c', '-', ']', '[', '^', '*', '?', '\\', '\x7f', '\x80', '\xff'];
  const word = (from: readonly string[], lengthMax: number): string =>
    Array.from({ length: random.between(1, lengthMax) }, () => random.pick(from)).join('');
  const keys = [...new Set(Array.from({ length: 300 }, () => word(alphabet, 5)))];
  for (const key of keys) await server.ask('SET', Buffer.from(key, 'latin1'), 'x');
  const special = [...alphabet, '*', '?', '[', '[^', ']', '-', '\\', '[a-', '\x80-\xff]'];
  for (let round = 0; round < 2000; round++) {
    const pattern = word(special, 8);
    const listed = new Set(
      (await server.ask('KEYS', Buffer.from(pattern, 'latin1')))
        .split('\r\n')
        .slice(1)
        .filter((_line, index) => index % 2 === 1),
    );
    for (const key of keys) {
      if (matches(pattern, key) === listed.has(key)) continue;
      assert.fail(
        `${JSON.stringify(pattern)} on ${JSON.stringify(key)}: Redis says ${listed.has(key)}`,
      );
    }
  }
});
