/** Sorted sets: clients that wait, sets among the operands, and encodings beside those of a real server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from '../../src/commands/command.ts';
import { CommandTable, UNKNOWN } from '../../src/commands/lookup.ts';
import { Engine } from '../../src/engine/engine.ts';
import { describe } from '../../src/engine/families/describe.ts';
import { Kind, type KindNumber } from '../../src/engine/types.ts';
import type { Element } from '../../src/engine/values/listpack.ts';
import type { Members } from '../../src/engine/values/members.ts';
import type { SortedSet } from '../../src/engine/values/sorted-set.ts';
import { EngineClient } from '../support/engine.ts';
import { Random, seedOfRun } from '../support/random.ts';
import { startRedis } from '../support/redis.ts';

const TABLE = new CommandTable([]);

function commandOf(words: readonly string[]): Command {
  const command = new Command(UNKNOWN, Buffer.alloc(0));
  command.fill(words.map((word) => Buffer.from(word, 'latin1')));
  command.spec = TABLE.resolve(command)!;
  return command;
}

/** A client that waits: everything it is told. */
function waiting(engine: Engine, ...words: string[]): string[] {
  const told: string[] = [];
  const lease = engine.lease(commandOf(words), { onLost() {} });
  lease.dispatch(commandOf(words), {
    reply: (bytes, start, end) => told.push(bytes.toString('latin1', start, end)),
    fail(error) {
      throw error;
    },
  });
  return told;
}

test('whoever waits for a sorted set is served when it comes, in the order of coming', () => {
  const engine = new Engine();
  const first = waiting(engine, 'BZPOPMIN', 'a', 'b', '0');
  const second = waiting(engine, 'BZMPOP', '0', '2', 'b', 'c', 'MAX', 'COUNT', '2');
  const third = waiting(engine, 'BZPOPMAX', 'b', '0');
  assert.deepEqual([first, second, third], [[], [], []]);
  const client = new EngineClient(engine);
  client.ask(['ZADD', 'b', '1', 'x', '2', 'y', '3', 'z']);
  assert.deepEqual(first, ['*3\r\n$1\r\nb\r\n$1\r\nx\r\n$1\r\n1\r\n']);
  assert.deepEqual(second, [
    '*2\r\n$1\r\nb\r\n*2\r\n*2\r\n$1\r\nz\r\n$1\r\n3\r\n*2\r\n$1\r\ny\r\n$1\r\n2\r\n',
  ]);
  assert.deepEqual(third, []);
  client.ask(['ZINCRBY', 'b', '7', 'w']);
  assert.deepEqual(third, ['*3\r\n$1\r\nb\r\n$1\r\nw\r\n$1\r\n7\r\n']);
});

test('WITHSCORE of Redis 7.2 gives the rank and the score', () => {
  const client = new EngineClient(new Engine());
  client.ask(['ZADD', 'z', '1', 'a', '2.5', 'b']);
  assert.equal(client.ask(['ZRANK', 'z', 'b', 'WITHSCORE']), '*2\r\n:1\r\n$3\r\n2.5\r\n');
  assert.equal(client.ask(['ZREVRANK', 'z', 'a', 'withscore']), '*2\r\n:1\r\n$1\r\n1\r\n');
  assert.equal(client.ask(['ZRANK', 'z', 'none', 'WITHSCORE']), '*-1\r\n');
  assert.equal(client.ask(['ZRANK', 'z', 'a', 'x']), '-ERR syntax error\r\n');
  assert.equal(
    client.ask(['ZRANK', 'z', 'a', 'WITHSCORE', 'x']),
    "-ERR wrong number of arguments for 'zrank' command\r\n",
  );
});

/** A set as commands on sorted sets see one. */
class Words implements Members {
  readonly kind: KindNumber = Kind.set;
  readonly encoding = 'hashtable';
  readonly bytes = 0;
  readonly words: Set<string> = new Set();

  get size(): number {
    return this.words.size;
  }

  has(bytes: Buffer, start: number, end: number): boolean {
    return this.words.has(bytes.toString('latin1', start, end));
  }

  some(element: Element, visit: () => boolean): boolean {
    for (const word of this.words) {
      element.bytes = Buffer.from(word, 'latin1');
      element.start = 0;
      element.end = element.bytes.length;
      if (visit()) return true;
    }
    return false;
  }

  copy(): Words {
    return new Words();
  }

  release(): boolean {
    return true;
  }
}

test('what a rewritten file says of a sorted set makes the same one', () => {
  const client = new EngineClient(new Engine());
  for (let i = 0; i < 300; i++) client.ask(['ZADD', 'z', String(i / 3), `m${i}`]);
  client.ask(['ZADD', 'z', '-inf', 'first', '1e300', 'last']);
  client.ask(['ZADD', 'small', '1.5', 'a', '4611686018427387904', 'b']);
  const other = new EngineClient(new Engine());
  const [database] = client.engine.databases;
  for (const key of ['z', 'small']) {
    const entry = database!.find(Buffer.from(key), 0, key.length);
    for (const words of describe(database!, entry)) {
      assert.equal(other.ask(words), `:${(words.length - 2) / 2}\r\n`);
    }
    const everything = ['ZRANGE', key, '0', '-1', 'WITHSCORES'];
    assert.equal(other.ask(everything), client.ask(everything));
  }
});

test('sets are operands whose members all have the score 1', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  await using server = await startRedis();
  const engine = new Engine();
  const client = new EngineClient(engine);
  const sets = ['s', 't'].map((key) => {
    const words = new Words();
    engine.databases[0]!.addObject(Buffer.from(key), 0, 1, words);
    return { key, words };
  });
  for (let i = 0; i < 1000; i++) {
    const member = random.chance(50) ? `m${random.below(9)}` : String(random.below(9));
    if (random.chance(25)) {
      const { key, words } = random.pick(sets);
      words.words.add(member);
      await server.ask('SADD', key, member);
      continue;
    }
    const words = operation(random, member);
    assert.equal(client.ask(words), await server.ask(...words), words.join(' '));
  }
});

function operation(random: Random, member: string): string[] {
  const keys = Array.from({ length: random.between(1, 3) }, () =>
    random.pick(['s', 't', 'a', 'b']),
  );
  const weights = random.chance(50) ? [] : ['WEIGHTS', ...keys.map(() => String(random.below(5)))];
  const operands = [String(keys.length), ...keys];
  switch (random.below(6)) {
    case 0:
      return ['ZADD', random.pick(['a', 'b']), String(random.below(5)), member];
    case 1:
      return ['ZUNION', ...operands, ...weights, 'WITHSCORES'];
    case 2:
      return ['ZINTER', ...operands, ...weights, 'WITHSCORES'];
    case 3:
      return ['ZDIFF', ...operands, 'WITHSCORES'];
    case 4:
      return ['ZINTERCARD', ...operands, 'LIMIT', String(random.below(4))];
    default:
      return [
        random.pick(['ZUNIONSTORE', 'ZINTERSTORE']),
        random.pick(['a', 'b']),
        ...operands,
        ...weights,
      ];
  }
}

test('what is a listpack and what is not, and what DUMP holds of it, is as in a real server', async (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  await using server = await startRedis({
    config: { 'zset-max-listpack-entries': '12', rdbcompression: 'no' },
  });
  const engine = new Engine();
  engine.settings.zsetMaxListpackEntries = 12;
  const client = new EngineClient(engine);
  const keys = ['a', 'b', 'c'];
  for (let i = 0; i < 1500; i++) {
    const words = changeOf(random, keys);
    client.ask(words);
    await server.ask(...words);
    const key = words[1]!;
    const [db] = engine.databases;
    const entry = db!.find(Buffer.from(key), 0, key.length);
    const set = entry < 0 ? null : (db!.objectOf(entry) as SortedSet);
    const encoding = await server.ask('OBJECT', 'ENCODING', key);
    const found = set === null ? '$-1\r\n' : `$${set.encoding.length}\r\n${set.encoding}\r\n`;
    assert.equal(found, encoding, words.join(' '));
    if (set === null || set.pack === null) continue;
    const dump = Buffer.from(await server.ask('DUMP', key), 'latin1');
    assert.ok(dump.includes(set.pack.view()), words.join(' '));
  }
});

function changeOf(random: Random, keys: readonly string[]): string[] {
  const key = random.pick(keys);
  const member = random.chance(2) ? 'm'.repeat(65) : `m${random.below(20)}`;
  switch (random.below(8)) {
    case 0:
      return ['ZREMRANGEBYRANK', key, '2', random.pick(['3', '-1'])];
    case 1:
      return ['ZUNIONSTORE', key, '2', random.pick(keys), random.pick(keys)];
    case 2:
      return ['ZRANGESTORE', key, random.pick(keys), '0', String(random.between(1, 15))];
    case 3:
      return ['ZPOPMIN', key];
    case 4:
      return ['GEOADD', key, String(random.below(180)), String(random.below(80)), member];
    default:
      return ['ZADD', key, String(random.below(9)), member, '1.5', `n${random.below(20)}`];
  }
}
