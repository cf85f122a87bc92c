/** What the file gets instead of a command has to give the same data when it is played again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from '../../src/commands/command.ts';
import { CommandTable, UNKNOWN } from '../../src/commands/lookup.ts';
import { Call } from '../../src/engine/call.ts';
import { Client } from '../../src/engine/client.ts';
import { Engine } from '../../src/engine/engine.ts';
import { EngineClient } from '../support/engine.ts';
import { Random, seedOfRun } from '../support/random.ts';

const TABLE = new CommandTable([]);
const START = 1_700_000_000_000;
const KEYS = ['a', 'b', 'c'];

/** One whose commands say what a file would get. */
class Kept extends Engine {
  override get isKept(): boolean {
    return true;
  }
}

/** Runs a command; what the file gets of it. */
function run(engine: Engine, words: readonly (string | Buffer)[]): (string | Buffer)[][] {
  const command = new Command(UNKNOWN, Buffer.alloc(0));
  command.fill(words.map((word) => Buffer.from(word)));
  command.spec = TABLE.resolve(command)!;
  const call = new Call(engine);
  engine.execute(call, command, new Client(true));
  if (call.dirty === 0) return [];
  return call.rewritten ?? [[...words]];
}

function stateOf(engine: Engine): string[] {
  const client = new EngineClient(engine);
  return KEYS.map((key) => {
    const kind = client.ask(['TYPE', key]);
    if (kind === '+none\r\n') return '';
    const names = client.ask([kind === '+set\r\n' ? 'SMEMBERS' : 'HKEYS', key])!;
    const lines = [...names.matchAll(/\r\n([a-z]\d+)\r\n/g)].map(([, name]) => {
      if (kind === '+set\r\n') return name;
      const time = client.ask(['HPEXPIRETIME', key, 'FIELDS', '1', name!])!;
      return [name, client.ask(['HGET', key, name!]), time].join(' ');
    });
    return lines.toSorted((one = '', other = '') => one.localeCompare(other)).join('\n');
  });
}

const MAKERS: readonly ((random: Random, name: () => string) => string[])[] = [
  (_random, name) => ['SADD', '', name(), name(), name()],
  (_random, name) => ['SADD', '', name(), name(), name()],
  (_random, name) => ['SREM', '', name(), name()],
  () => ['SPOP', ''],
  (random) => ['SPOP', '', String(random.below(9))],
  (_random, name) => ['SMOVE', '', 'b', name()],
  () => ['SUNIONSTORE', '', 'a', 'b'],
  () => ['SDIFFSTORE', '', 'a', 'b'],
  (random, name) => ['HSET', '', name(), '1', name(), String(random.below(100))],
  (_random, name) => ['HSETNX', '', name(), '1'],
  (_random, name) => ['HINCRBY', '', name(), '3'],
  (_random, name) => ['HINCRBYFLOAT', '', name(), '0.1'],
  (_random, name) => ['HDEL', '', name(), name()],
  (random, name) => ['HEXPIRE', '', String(random.below(3)), 'FIELDS', '2', name(), name()],
  (random, name) => ['HPEXPIRE', '', '5000', random.pick(['GT', 'NX']), 'FIELDS', '1', name()],
  (_random, name) => ['HPERSIST', '', 'FIELDS', '1', name()],
  (_random, name) => ['HGETDEL', '', 'FIELDS', '1', name()],
  (random, name) => ['HGETEX', '', ...random.pick(TIMES), 'FIELDS', '1', name()],
  (random, name) => [
    'HSETEX',
    '',
    ...random.pick([[], ['FNX'], ['FXX']]),
    ...random.pick(TIMES.filter((each) => each[0] !== 'PERSIST')),
    'FIELDS',
    '1',
    name(),
    '7',
  ],
  () => ['DEL', ''],
];
const TIMES: readonly string[][] = [[], ['PERSIST'], ['EX', '5'], ['PXAT', '1']];

test('sets and hashes come back from what the file gets', (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const engine = new Kept({ clock: () => START });
  const replica = new Engine({ clock: () => START });
  for (let i = 0; i < 6000; i++) {
    const words = random.pick(MAKERS)(random, () => `m${random.below(14)}`);
    words[1] = random.pick(KEYS);
    for (const each of run(engine, words)) run(replica, each);
    assert.deepEqual(stateOf(replica), stateOf(engine), words.join(' '));
  }
});
