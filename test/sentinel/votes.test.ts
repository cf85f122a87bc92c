/** Sentinels that lie, are behind, or say nothing: who is believed, and how soon. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, until } from '../support/bounded.ts';
import { startRedises, type TestRedis } from '../support/redis.ts';
import { ScriptedSentinel } from '../support/sentinel.ts';
import { type Section, sentinel, startTidegate, type Tidegate } from '../support/tidegate.ts';
import { bulk, type Wire } from '../support/wire.ts';

/** Asked again only when something says so. */
const QUIET: Section = { topology: { refresh: '60s', min_interval: '20ms' } };
const OFTEN: Section = { topology: { refresh: '30ms', min_interval: '20ms' } };

class Sentinels extends Array<ScriptedSentinel> {
  static async start(...named: readonly (string | null)[]): Promise<Sentinels> {
    const all = await Promise.all(named.map((primary) => ScriptedSentinel.start(primary)));
    const sentinels = new Sentinels();
    sentinels.push(...all);
    for (const each of all) {
      each.says.others = all.filter((other) => other !== each).map(({ address }) => address);
    }
    return sentinels;
  }

  get addresses(): string[] {
    return Array.from(this, ({ address }) => address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Array.from(this, (each) => each[Symbol.asyncDispose]()));
  }
}

/** Two servers that both say they are primary, as after a partition. */
async function startTwo() {
  const servers = await startRedises(2);
  const [one, other] = servers as unknown as [TestRedis, TestRedis];
  await one.ask('SET', 'who', 'one');
  await other.ask('SET', 'who', 'other');
  return { servers, one, other };
}

async function askedAgain(sentinels: Iterable<ScriptedSentinel>, times = 3): Promise<void> {
  for (const each of sentinels) {
    const before = each.asked;
    await until(() => each.asked >= before + times, 'it is asked again and again');
  }
}

async function who(wire: Wire): Promise<string> {
  return (await wire.ask('GET', 'who')).split('\r\n')[1] ?? '';
}

test('one Sentinel that lies is outvoted, at the start and later', async () => {
  const { servers, one, other } = await startTwo();
  await using _servers = servers;
  await using sentinels = await Sentinels.start(other.address, one.address, one.address);
  await using gate = await startTidegate(sentinel(sentinels.addresses, OFTEN));
  await using wire = await gate.connect();
  assert.equal(await who(wire), 'one');
  sentinels[0]!.publish('+switch-master', `mymaster 127.0.0.1 ${one.port} 127.0.0.1 ${other.port}`);
  await askedAgain(sentinels);
  assert.equal(await who(wire), 'one');
  assert.equal(await other.calls('role'), 0);
});

test('Sentinels that disagree are not believed, and what each says is logged', async () => {
  const { servers, one, other } = await startTwo();
  await using _servers = servers;
  await using sentinels = await Sentinels.start(other.address, one.address);
  await using gate = await startTidegate(sentinel(sentinels.addresses, OFTEN));
  assert.equal(await gate.ask('GET', 'who'), '-no upstream host\r\n');
  await until(
    () => gate.logs.includes('the Sentinels do not agree who is primary'),
    'it is logged',
  );
  assert.equal((await gate.admin('/readyz')).status, 503);
  sentinels[0]!.says.primary = one.address;
  await until(async () => (await gate.ask('GET', 'who')) === bulk('one'), 'they agree');
});

test('whoever is named is asked by ROLE: an address from before is not believed', async () => {
  const { servers, one, other } = await startTwo();
  await using _servers = servers;
  await other.ask('REPLICAOF', '127.0.0.1', String(one.port));
  await using sentinels = await Sentinels.start(one.address, one.address, one.address);
  await using gate = await startTidegate(sentinel(sentinels.addresses, OFTEN));
  await using wire = await gate.connect();
  assert.equal(await who(wire), 'one');
  for (const each of sentinels) each.says.primary = other.address;
  await until(async () => (await other.calls('role')) > 1, 'the other one is asked');
  assert.equal(await who(wire), 'one');
  assert.match(gate.logs, /does not say that it is primary/);
  await wire.expect('+OK\r\n', 'SET', 'who', 'still one');
  await other.ask('REPLICAOF', 'NO', 'ONE');
  await until(async () => gate.logs.includes(`"primary":"${other.address}"`), 'now it is believed');
  await wire.expect('+OK\r\n', 'SET', 'who', 'the other');
  assert.equal(await other.ask('GET', 'who'), bulk('the other'));
});

test('a part of the Sentinels that is cut off does not lead back to a primary from before', async () => {
  const { servers, one, other } = await startTwo();
  await using _servers = servers;
  await using sentinels = await Sentinels.start(one.address, one.address, one.address);
  await using gate = await startTidegate(sentinel(sentinels.addresses, OFTEN));
  await using wire = await gate.connect();
  assert.equal(await who(wire), 'one');
  const [left, ...rest] = sentinels as unknown as [ScriptedSentinel, ...ScriptedSentinel[]];
  left.says.primary = other.address;
  for (const each of rest) await each[Symbol.asyncDispose]();
  await until(() => gate.logs.includes('too few of all Sentinels'), 'one is too few');
  assert.equal(await who(wire), 'one');
  await one.ask('REPLICAOF', '127.0.0.1', String(other.port));
  // Now the primary says itself that it is none.
  await until(async () => (await who(wire)) === 'other', 'one is enough');
});

test('a service nobody knows is named in the log, and the gateway is not ready', async () => {
  await using sentinels = await Sentinels.start(null, null, null);
  await using gate = await startTidegate(sentinel(sentinels.addresses, OFTEN));
  assert.equal(await gate.ask('GET', 'k'), '-no upstream host\r\n');
  assert.match(gate.logs, /"service":"mymaster".*no Sentinel knows the service/);
  const { status, body } = await gate.admin('/readyz');
  assert.equal(status, 503);
  assert.match(body, /main/);
});

/** Milliseconds until the gateway asks the other server. */
async function switchTime(gate: Tidegate, change: () => void): Promise<number> {
  await using wire = await gate.connect();
  assert.equal(await who(wire), 'one');
  const begin = performance.now();
  change();
  await until(async () => (await who(wire)) === 'other', 'the other one is asked', 5000, 1);
  return performance.now() - begin;
}

test('+switch-master is heeded at once, even while another Sentinel says nothing', async () => {
  const { servers, one, other } = await startTwo();
  await using _servers = servers;
  await using sentinels = await Sentinels.start(one.address, one.address, one.address);
  const [first, second, third] = sentinels as unknown as [
    ScriptedSentinel,
    ScriptedSentinel,
    ScriptedSentinel,
  ];
  await using gate = await startTidegate(sentinel(sentinels.addresses, QUIET));
  await until(() => sentinels.every(({ listeners }) => listeners === 1), 'all are listened to');
  third.isMute = true;
  const message = `mymaster 127.0.0.1 ${one.port} 127.0.0.1 ${other.port}`;
  first.says.primary = other.address;
  first.publish('+switch-master', message);
  // One of three is no majority, and the third might still be asked: a round that ends with the next message.
  await askedAgain([first], 1);
  const ms = await switchTime(gate, () => {
    second.says.primary = other.address;
    second.publish('+switch-master', message);
  });
  assert.ok(ms < 500, `${ms} ms`);
});

test('what concerns another service is not heeded', async () => {
  const { servers, one } = await startTwo();
  await using _servers = servers;
  await using sentinels = await Sentinels.start(one.address);
  await using gate = await startTidegate(sentinel(sentinels.addresses, QUIET));
  const [only] = sentinels as unknown as [ScriptedSentinel];
  await until(() => only.listeners === 1 && only.asked > 1, 'it is listened to');
  await sleep(100);
  const before = only.asked;
  only.publish('+switch-master', `another 127.0.0.1 ${one.port} 127.0.0.1 1`);
  only.publish('+sdown', 'slave 127.0.0.1:1 127.0.0.1 1 @ another 127.0.0.1 1');
  await sleep(100);
  assert.equal(only.asked, before);
  only.publish('+sdown', `slave 127.0.0.1:1 127.0.0.1 1 @ mymaster 127.0.0.1 ${one.port}`);
  await until(() => only.asked === before + 1, 'that was about ours');
  assert.equal(await gate.ask('GET', 'who'), bulk('one'));
});

test('a primary that says READONLY is left for the new one, and the write is done there', async () => {
  const { servers, one, other } = await startTwo();
  await using _servers = servers;
  await using sentinels = await Sentinels.start(one.address, one.address, one.address);
  await using gate = await startTidegate(sentinel(sentinels.addresses, QUIET));
  await using wire = await gate.connect();
  await wire.expect('+OK\r\n', 'SET', 'n', '0');
  for (const each of sentinels) each.says.primary = other.address;
  await one.ask('REPLICAOF', '127.0.0.1', String(other.port));
  const replies = await wire.askAll([
    ...Array.from({ length: 20 }, () => ['INCR', 'n']),
    ['FLUSHALL'],
    ['RPUSH', 'list', 'a', 'b'],
    ['EVAL', "return redis.call('incr', KEYS[1])", '1', 'n'],
  ]);
  assert.deepEqual(replies, [
    ...Array.from({ length: 20 }, (_none, i) => `:${i + 1}\r\n`),
    '+OK\r\n',
    ':2\r\n',
    ':1\r\n',
  ]);
  assert.equal(await other.ask('GET', 'n'), bulk('1'));
  assert.match((await gate.admin('/metrics')).body, /kind="readonly"\} [1-9]/);
});
