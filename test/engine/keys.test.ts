/** Keys and their expiry: generated commands to a real server and to the engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Engine } from '../../src/engine/engine.ts';
import { until } from '../support/bounded.ts';
import { compareWithServer, EngineClient } from '../support/engine.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';

const KEYS = ['a', 'b', 'c', 'd', '{e}'];
const PATTERNS = ['*', '?', '[ab]', '[^ab]', 'nothing', '\\a', '[a-c]', '{*'];
const TIMES = ['100', '-1', '0', 'x', '9007199254740', '99999999999', '1.5', ''];
const CONDITIONS = [[], [], ['NX'], ['XX'], ['gt'], ['LT'], ['NX', 'XX'], ['GT', 'LT'], ['foo']];
const COMMANDS: readonly ((from: Random) => string[])[] = [
  (from) => ['SET', from.pick(KEYS), from.pick(['1', 'text', 'y'.repeat(50)])],
  (from) => ['SET', from.pick(KEYS), '1', 'EX', '1000'],
  (from) => ['GET', from.pick(KEYS)],
  (from) => [from.pick(['DEL', 'UNLINK', 'EXISTS', 'TOUCH']), from.pick(KEYS), from.pick(KEYS)],
  (from) => ['TYPE', from.pick(KEYS)],
  (from) => [from.pick(['RENAME', 'RENAMENX']), from.pick(KEYS), from.pick(KEYS)],
  (from) => ['KEYS', from.pick(PATTERNS)],
  () => ['DBSIZE'],
  (from) => [from.pick(['TTL', 'EXPIRETIME', 'PERSIST']), from.pick(KEYS)],
  (from) => [
    from.pick(['EXPIRE', 'EXPIREAT', 'PEXPIREAT']),
    from.pick(KEYS),
    from.pick(TIMES),
    ...from.pick(CONDITIONS),
  ],
  (from) => ['MOVE', from.pick(KEYS), from.pick(['0', '99', 'x', '3', '4294967296'])],
  (from) => ['SCAN', from.pick(['0', 'x', '0 ']), 'MATCH', from.pick(PATTERNS), 'COUNT', '1000'],
  (from) => ['SCAN', '0', ...from.pick([['COUNT', '0'], ['TYPE', 'string'], ['foo'], ['MATCH']])],
  (from) => ['SWAPDB', from.pick(['0', 'x', '99']), from.pick(['3', 'x', '-1'])],
  (from) => (from.chance(20) ? ['FLUSHDB'] : ['FLUSHALL', from.pick(['ASYNC', 'SYNC', 'no'])]),
];

test('keys come, go, move and expire as in a real server', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  await compareWithServer({
    random,
    rounds: Math.floor(secondsOfRun(3) * 3000),
    next: (from) => from.pick(COMMANDS)(from),
    normal: sortedKeys,
  });
});

/** The order of a hash table is nobody's promise. A cursor of one that holds all is 0. */
function sortedKeys([name = '']: readonly string[], reply: string): string {
  if (name === 'TTL' || name === 'EXPIRETIME') return reply.replace(/\d\d$/m, '');
  if (name !== 'KEYS' && name !== 'SCAN') return reply;
  const lines = reply.split('\r\n');
  return lines.sort((a, b) => (a < b ? -1 : 1)).join(' ');
}

test('a hundred thousand keys that nobody asks for are gone soon after their time', async () => {
  let now = Date.now();
  const engine = new Engine({ clock: () => now });
  const client = new EngineClient(engine);
  for (let i = 0; i < 100_000; i++) client.ask(['SET', `k${i}`, 'v', 'PX', '1000']);
  for (let i = 0; i < 100; i++) client.ask(['SET', `stays${i}`, 'v', 'PX', '60000']);
  now += 1001;
  await until(() => client.ask(['DBSIZE']) === ':100\r\n', 'they are gone', 8000);
  assert.equal(engine.expired, 100_000);
  await engine.close();
});
