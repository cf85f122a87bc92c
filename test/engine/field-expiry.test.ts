/** Fields that expire, as the documentation of Redis 7.4 and 8.0 has them; the server at hand is older. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Engine } from '../../src/engine/engine.ts';
import { until } from '../support/bounded.ts';
import { EngineClient } from '../support/engine.ts';
import { Random, seedOfRun } from '../support/random.ts';

const START = 1_700_000_000_000;
const FIELDS_ERROR = '-ERR Mandatory argument FIELDS is missing or not at the right position\r\n';
const COUNT_ERROR = '-ERR The `numfields` parameter must match the number of arguments\r\n';

class Clocked extends EngineClient {
  now: { ms: number };

  constructor() {
    const now = { ms: START };
    super(new Engine({ clock: () => now.ms }));
    this.now = now;
  }

  /** Words with blanks between them. */
  say(line: string): string {
    return this.ask(line.split(' ')) ?? '(waits)';
  }

  encoding(): string {
    const reply = this.say('OBJECT ENCODING h');
    return reply.split('\r\n')[1]!;
  }
}

function integers(...values: number[]): string {
  return `*${values.length}\r\n${values.map((value) => `:${value}\r\n`).join('')}`;
}

function bulks(...values: (string | null)[]): string {
  const each = values.map((value) => (value === null ? '$-1' : `$${value.length}\r\n${value}`));
  return `*${values.length}\r\n${each.map((text) => `${text}\r\n`).join('')}`;
}

test('a field is there until its time has come, and not after', () => {
  const client = new Clocked();
  client.say('HSET h a 1 b 2 c 3');
  assert.equal(client.say('HEXPIRE h 10 FIELDS 3 a b none'), integers(1, 1, -2));
  assert.equal(client.say('HPEXPIRE h 500 FIELDS 1 b'), integers(1));
  assert.equal(client.say('HTTL h FIELDS 4 a b c none'), integers(10, 1, -1, -2));
  assert.equal(client.say('HPTTL h FIELDS 2 a b'), integers(10_000, 500));
  assert.equal(client.say('HEXPIRETIME h FIELDS 1 a'), integers(START / 1000 + 10));
  assert.equal(client.say('HPEXPIRETIME h FIELDS 2 b c'), integers(START + 500, -1));
  client.now.ms += 499;
  assert.equal(client.say('HGET h b'), '$1\r\n2\r\n');
  client.now.ms += 1;
  assert.equal(client.say('HGET h b'), '$-1\r\n');
  assert.equal(client.say('HLEN h'), ':2\r\n');
  assert.equal(client.say('HKEYS h').includes('b'), false);
  client.now.ms += 10_000;
  assert.equal(client.say('HGETALL h'), bulks('c', '3'));
});

test('the key goes with the last of its fields, whichever command looks first', () => {
  for (const line of [
    'HGET h a',
    'HSETNX h a 2',
    'HGETALL h',
    'HLEN h',
    'HDEL h a',
    'HTTL h FIELDS 1 a',
    'HRANDFIELD h 3',
    'HSCAN h 0',
    'HINCRBY h a 5',
    'HMGET h a',
  ]) {
    const client = new Clocked();
    const fresh = new Clocked();
    client.say('HSET h a 1');
    client.say('HPEXPIRE h 5 FIELDS 1 a');
    client.now.ms += 5;
    assert.equal(client.say(line), fresh.say(line), line);
    assert.equal(client.say('EXISTS h'), fresh.say('EXISTS h'), line);
    assert.equal(client.say('HTTL h FIELDS 1 a'), fresh.say('HTTL h FIELDS 1 a'), line);
  }
});

test('conditions are those of the documentation', () => {
  const client = new Clocked();
  client.say('HSET h a 1 b 2');
  client.say('HEXPIRE h 100 FIELDS 1 a');
  for (const [condition, seconds, wanted] of [
    ['NX', 50, [0, 1]],
    ['XX', 50, [1, 0]],
    ['GT', 50, [0, 0]],
    ['gt', 150, [1, 0]],
    ['LT', 150, [0, 1]],
    ['LT', 50, [1, 1]],
  ] as const) {
    const line = `HEXPIRE h ${seconds} ${condition} FIELDS 2 a b`;
    assert.equal(client.say(line), integers(...wanted), line);
    client.say('HPERSIST h FIELDS 1 b');
    client.say('HEXPIRE h 100 FIELDS 1 a');
  }
});

test('a time that is past removes the field at once', () => {
  const client = new Clocked();
  client.say('HSET h a 1 b 2');
  assert.equal(client.say('HEXPIREAT h 1 FIELDS 2 a none'), integers(2, -2));
  assert.equal(client.say('HKEYS h'), bulks('b'));
  assert.equal(client.say('HPEXPIRE h 0 FIELDS 1 b'), integers(2));
  assert.equal(client.say('EXISTS h'), ':0\r\n');
});

test('what is written anew stays for ever, what is counted keeps its time', () => {
  const client = new Clocked();
  client.say('HSET h a 1 b 2 c 3 d 4');
  client.say('HEXPIRE h 100 FIELDS 4 a b c d');
  client.say('HSET h a 5');
  client.say('HINCRBY h b 5');
  client.say('HINCRBYFLOAT h c 1.5');
  client.say('HSETNX h d 5');
  assert.equal(client.say('HTTL h FIELDS 4 a b c d'), integers(-1, 100, 100, 100));
  assert.equal(client.say('HPERSIST h FIELDS 3 a b none'), integers(-1, 1, -2));
  assert.equal(client.say('HTTL h FIELDS 2 a b'), integers(-1, -1));
  client.say('HDEL h c');
  client.say('HSET h c 1');
  assert.equal(client.say('HTTL h FIELDS 1 c'), integers(-1));
});

test('a key that is not there has none of the fields', () => {
  const client = new Clocked();
  for (const line of [
    'HEXPIRE h 10 FIELDS 2 a b',
    'HTTL h FIELDS 2 a b',
    'HPEXPIRETIME h FIELDS 2 a b',
    'HPERSIST h FIELDS 2 a b',
  ]) {
    assert.equal(client.say(line), integers(-2, -2), line);
  }
});

test('wrong forms are refused in the words of Redis', () => {
  const client = new Clocked();
  client.say('HSET h a 1');
  client.say('SET s 1');
  const wrongType = '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n';
  for (const [line, wanted] of [
    ['HEXPIRE s 10 FIELDS 1 a', wrongType],
    ['HTTL s FIELDS 1 a', wrongType],
    ['HGETEX s FIELDS 1 a', wrongType],
    ['HEXPIRE h x FIELDS 1 a', '-ERR value is not an integer or out of range\r\n'],
    ['HEXPIRE h -1 FIELDS 1 a', '-ERR invalid expire time, must be >= 0\r\n'],
    ['HEXPIRE h 70368744178 FIELDS 1 a', "-ERR invalid expire time in 'hexpire' command\r\n"],
    [
      'HPEXPIREAT h 70368744177664 FIELDS 1 a',
      "-ERR invalid expire time in 'hpexpireat' command\r\n",
    ],
    ['HEXPIRE h 10 YY FIELDS 1 a', FIELDS_ERROR],
    ['HEXPIRE h 10 FIELDS 0 a', '-ERR Parameter `numFields` should be greater than 0\r\n'],
    ['HEXPIRE h 10 FIELDS 2 a', COUNT_ERROR],
    ['HTTL h FIELD 1 a', FIELDS_ERROR],
    ['HTTL h FIELDS x a', '-ERR Number of fields must be a positive integer\r\n'],
    ['HPERSIST h FIELDS 2 a', COUNT_ERROR],
    [
      'HSETEX h FXX EX 60 KEEPTTL FIELDS 1 a 1',
      '-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified\r\n',
    ],
    ['HSETEX h FXX FNX FIELDS 1 a 1', '-ERR Only one of FXX or FNX arguments can be specified\r\n'],
    ['HGETEX h EX 0 FIELDS 1 a', "-ERR invalid expire time in 'hgetex' command\r\n"],
  ] as const) {
    assert.equal(client.say(line), wanted, line);
  }
  assert.equal(client.say('HTTL h FIELDS 1 a'), integers(-1));
});

test('HGETDEL, HGETEX and HSETEX do what their pages say', () => {
  const client = new Clocked();
  client.say('HSET h a 1 b 2 c 3');
  assert.equal(client.say('HGETDEL h FIELDS 2 a none'), bulks('1', null));
  assert.equal(client.say('HGETEX h EX 120 FIELDS 2 b none'), bulks('2', null));
  assert.equal(client.say('HGETEX h FIELDS 1 b'), bulks('2'));
  assert.equal(client.say('HTTL h FIELDS 2 b c'), integers(120, -1));
  assert.equal(client.say('HGETEX h PERSIST FIELDS 2 b c'), bulks('2', '3'));
  assert.equal(client.say('HTTL h FIELDS 1 b'), integers(-1));
  assert.equal(client.say('HGETEX h PXAT 1 FIELDS 1 b'), bulks('2'));
  assert.equal(client.say('HGETDEL h FIELDS 1 c'), bulks('3'));
  assert.equal(client.say('EXISTS h'), ':0\r\n');
  assert.equal(client.say('HGETDEL h FIELDS 1 c'), bulks(null));
  assert.equal(client.say('HSETEX h FXX EX 60 FIELDS 1 a 1'), ':0\r\n');
  assert.equal(client.say('EXISTS h'), ':0\r\n');
  assert.equal(client.say('HSETEX h FNX EX 60 FIELDS 2 a 1 b 2'), ':1\r\n');
  assert.equal(client.say('HSETEX h FNX EX 70 FIELDS 2 b 1 c 2'), ':0\r\n');
  assert.equal(client.say('HTTL h FIELDS 3 a b c'), integers(60, 60, -2));
  assert.equal(client.say('HSETEX h KEEPTTL FIELDS 1 a 5'), ':1\r\n');
  assert.equal(client.say('HSETEX h FIELDS 1 b 6'), ':1\r\n');
  assert.equal(client.say('HMGET h a b'), bulks('5', '6'));
  assert.equal(client.say('HTTL h FIELDS 2 a b'), integers(60, -1));
});

test('OBJECT ENCODING says what Redis says of hashes with fields that expire', () => {
  const client = new Clocked();
  client.say('HSET h a 1');
  assert.equal(client.encoding(), 'listpack');
  client.say('HEXPIRE h 10 FIELDS 1 a');
  assert.equal(client.encoding(), 'listpackex');
  for (let i = 0; i < 512; i++) client.say(`HSET h f${i} 1`);
  assert.equal(client.encoding(), 'hashtable');
});

test('a hash is emptied though nobody asks for it, under whatever name it lives', async () => {
  await using engine = disposable(new Engine());
  const client = new EngineClient(engine.it);
  client.ask(['HSET', 'h', 'a', '1', 'b', '2']);
  client.ask(['HPEXPIRE', 'h', '30', 'FIELDS', '2', 'a', 'b']);
  client.ask(['HSET', 'kept', 'a', '1', 'b', '2']);
  client.ask(['HPEXPIRE', 'kept', '30', 'FIELDS', '1', 'a']);
  client.ask(['RENAME', 'h', 'other']);
  const database = engine.it.databases[0]!;
  await until(
    () => database.size === 1 && database.fieldsExpiring.size === 0,
    'the fields are gone',
  );
  assert.equal(client.ask(['HKEYS', 'kept']), bulks('b'));
});

test('fields are what a list of times says, whatever is done', (context) => {
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  for (const names of [8, 200]) {
    const client = new Clocked();
    const wanted = new Map<string, number>();
    for (let i = 0; i < 4000; i++) {
      const field = `f${random.below(names)}`;
      const dice = random.below(10);
      if (dice < 4) {
        client.say(`HSET h ${field} 1`);
        wanted.set(field, Infinity);
      } else if (dice < 7) {
        const ms = random.between(1, 300);
        client.say(`HPEXPIRE h ${ms} FIELDS 1 ${field}`);
        if (wanted.has(field)) wanted.set(field, client.now.ms + ms);
      } else if (dice < 8) {
        client.say(`HDEL h ${field}`);
        wanted.delete(field);
      } else {
        client.now.ms += random.below(60);
        for (const [name, at] of wanted) if (at <= client.now.ms) wanted.delete(name);
      }
      if (i % 10 > 0) continue;
      const keys = [...client.say('HKEYS h').matchAll(/f\d+/g)].map(([name]) => name);
      assert.deepEqual(new Set(keys), new Set(wanted.keys()));
      assert.equal(client.say('HLEN h'), `:${wanted.size}\r\n`);
    }
  }
});

function disposable(it: Engine): { it: Engine; [Symbol.asyncDispose](): Promise<void> } {
  return { it, [Symbol.asyncDispose]: () => it.close() };
}
