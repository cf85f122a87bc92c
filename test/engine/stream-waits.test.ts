/** Clients that wait for entries, and what the file says of groups. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { Engine } from '../../src/engine/engine.ts';
import { until } from '../support/bounded.ts';
import { EngineClient } from '../support/engine.ts';
import { Random, seedOfRun } from '../support/random.ts';
import { startRedis } from '../support/redis.ts';

const WAITS: readonly string[][] = [
  ['XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', '0', 'STREAMS', 'k', '>'],
  ['XREADGROUP', 'GROUP', 'g', 'c', 'NOACK', 'COUNT', '1', 'BLOCK', '0', 'STREAMS', 'k', '>'],
  ['XREAD', 'BLOCK', '0', 'STREAMS', 'k', '$'],
  ['XREAD', 'BLOCK', '0', 'STREAMS', 'other', 'k', '0', '$'],
  ['XREAD', 'COUNT', '1', 'BLOCK', '0', 'STREAMS', 'other', 'k', '$', '1-1'],
];

const DEEDS: readonly string[][][] = [
  [['XADD', 'k', '2-1', 'a', 'b']],
  [
    ['XADD', 'k', '2-1', 'a', 'b'],
    ['XDEL', 'k', '2-1'],
  ],
  [['MULTI'], ['XADD', 'k', '2-1', 'a', 'b'], ['XADD', 'k', '3-1', 'a', 'b'], ['EXEC']],
  [['XGROUP', 'DESTROY', 'k', 'g']],
  [['XGROUP', 'SETID', 'k', 'g', '0']],
  [
    ['XGROUP', 'DELCONSUMER', 'k', 'g', 'c'],
    ['XADD', 'k', '9-1', 'x', 'y'],
  ],
  [['DEL', 'k']],
  [['FLUSHALL']],
  [['SWAPDB', '0', '1']],
  [
    ['UNLINK', 'k'],
    ['SET', 'k', 'v'],
  ],
  [
    ['DEL', 'k'],
    ['XADD', 'k', '0-5', 'f', 'v'],
  ],
  [['SET', 'k', 'v']],
  [['RENAME', 'k', 'l']],
  [['MULTI'], ['DEL', 'k'], ['XADD', 'k', '1-1', 'f', 'v'], ['EXEC']],
  [
    ['XADD', 'q', '8-1', 'x', 'y'],
    ['RENAME', 'q', 'k'],
  ],
  [
    ['XDEL', 'k', '1-1'],
    ['XTRIM', 'k', 'MAXLEN', '0'],
  ],
];

const BEGINNING: readonly string[][] = [
  ['XADD', 'k', '1-1', 'f', 'v'],
  ['XGROUP', 'CREATE', 'k', 'g', '$'],
];

test('who waits for entries is told what a real server tells', async () => {
  await using server = await startRedis();
  await using other = await server.connect();
  for (const protocol of [2, 3] as const) {
    for (const wait of WAITS) {
      for (const deed of DEEDS) {
        await other.ask('FLUSHALL');
        await using waiting = await server.connect({ protocol });
        const engine = new Engine();
        const doer = new EngineClient(engine);
        const waiter = new EngineClient(engine);
        waiter.protocol = protocol;
        for (const words of BEGINNING) {
          await other.ask(...words);
          doer.ask(words);
        }
        waiting.send(...wait);
        const isWaiting = waiter.ask(wait) === null;
        assert.ok(isWaiting, wait.join(' '));
        await until(
          async () => (await other.ask('INFO', 'clients')).includes('blocked_clients:1'),
          'the client waits',
        );
        const wanted: string[] = [];
        for (const words of deed) {
          wanted.push(await other.ask(...words));
          doer.ask(words);
        }
        const told = (await other.ask('INFO', 'clients')).includes('blocked_clients:0');
        const message = `${wait.join(' ')}, ${JSON.stringify(deed)}: ${JSON.stringify(wanted)}`;
        assert.deepEqual(waiter.later, told ? [await waiting.read()] : [], message);
        await engine.close();
      }
    }
  }
});

test('who waits for a group is told when its stream expires', async () => {
  const engine = new Engine();
  const [doer, waiter] = [new EngineClient(engine), new EngineClient(engine)];
  doer.ask(['XGROUP', 'CREATE', 'k', 'g', '$', 'MKSTREAM']);
  assert.equal(waiter.ask(WAITS[0] ?? []), null);
  doer.ask(['PEXPIRE', 'k', '5']);
  await until(() => waiter.later.length > 0, 'it is told');
  assert.deepEqual(waiter.later, ['-UNBLOCKED the stream key no longer exists\r\n']);
  await engine.close();
});

test('+ asks for the last entry', () => {
  const client = new EngineClient(new Engine());
  assert.equal(client.ask(['XREAD', 'STREAMS', 'k', '+']), '*-1\r\n');
  client.ask(['XADD', 'k', '1-1', 'f', 'v']);
  client.ask(['XADD', 'k', '2-1', 'f', 'v']);
  client.ask(['XADD', 'k', '3-1', 'f', 'v']);
  client.ask(['XDEL', 'k', '3-1']);
  const last = '*1\r\n*2\r\n$1\r\nk\r\n*1\r\n*2\r\n$3\r\n2-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n';
  assert.equal(client.ask(['XREAD', 'STREAMS', 'k', '+']), last);
});

test('ids that the time makes rise, also when the clock stands or goes back', () => {
  let now = 1_700_000_000_000;
  const client = new EngineClient(new Engine({ clock: () => now }));
  const add = (id: string): string | null => client.ask(['XADD', 'k', id, 'f', 'v']);
  assert.equal(add('*'), '$15\r\n1700000000000-0\r\n');
  assert.equal(add('*'), '$15\r\n1700000000000-1\r\n');
  now -= 5;
  assert.equal(add('*'), '$15\r\n1700000000000-2\r\n');
  now += 6;
  assert.equal(add('*'), '$15\r\n1700000000001-0\r\n');
  assert.equal(
    add('1700000000001-18446744073709551615'),
    '$34\r\n1700000000001-18446744073709551615\r\n',
  );
  assert.equal(add('*'), '$15\r\n1700000000002-0\r\n');
});

/** What must be the same after a restart: not when consumers were seen, nor those who have nothing. */
function lasting(client: EngineClient, key: string): string | null {
  const full = client.ask(['XINFO', 'STREAM', key, 'FULL', 'COUNT', '0']) ?? '';
  return full
    .replace(/(seen-time\r\n):\d+/g, '$1:time')
    .replace(
      /\*8\r\n\$4\r\nname\r\n\$1\r\n.\r\n\$9\r\nseen-time\r\n:time\r\n\$9\r\npel-count\r\n:0\r\n\$7\r\npending\r\n\*0\r\n/g,
      '',
    )
    .replace(/(consumers\r\n)\*\d/g, '$1*n');
}

function write(from: Random, top: number): string[] {
  const key = from.pick(['a', 'b']);
  const id = String(from.between(Math.max(1, top - 20), top));
  switch (from.below(9)) {
    case 0:
      return ['XADD', key, 'MAXLEN', '~', '20', 'LIMIT', '9', `${top}-*`, 'f', id];
    case 1:
      return ['XADD', key, 'MINID', '=', id, '*', 'f', id];
    case 2:
      return ['XDEL', key, id];
    case 3:
      return ['XTRIM', key, 'MINID', '~', id];
    case 4:
      return ['XREADGROUP', 'GROUP', 'g', 'x', 'COUNT', '3', 'STREAMS', 'a', 'b', '>', '>'];
    case 5:
      return ['XCLAIM', key, 'g', 'y', '0', id, 'FORCE', 'LASTID', id];
    case 6:
      return ['XAUTOCLAIM', key, 'g', 'z', '0', '0', 'COUNT', '2'];
    case 7:
      return ['XREADGROUP', 'GROUP', 'g', 'x', 'NOACK', 'COUNT', '1', 'STREAMS', key, '>'];
    default:
      return ['XADD', key, `${top}-*`, 'f', id];
  }
}

/** Written to are only the first two. */
const KEYS = ['a', 'b', 'untouched', 'emptied'];

for (const isRewritten of [false, true]) {
  const how = isRewritten ? 'its file was rewritten' : 'a restart';
  test(`streams and groups are the same after ${how}, here and in a real server`, (context) =>
    compareRestarted(context, isRewritten));
}

async function compareRestarted(context: TestContext, isRewritten: boolean): Promise<void> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'tidegate-streams-'));
  const random = new Random(seedOfRun());
  context.diagnostic(`seed ${random.seed}`);
  const open = (): Engine => {
    const engine = new Engine({
      // Small, so that ids of the time and those that are given do not shut each other out.
      clock: () => 2000,
      persistence: {
        dir,
        fsync: 'no',
        schedule: (target) => setImmediate(() => target.flush()),
        warn() {},
        info() {},
        fail(error) {
          throw error;
        },
      },
    });
    engine.settings.streamNodeMaxEntries = 5;
    return engine;
  };
  try {
    const first = open();
    const client = new EngineClient(first);
    for (const key of KEYS) client.ask(['XGROUP', 'CREATE', key, 'g', '0', 'MKSTREAM']);
    client.ask(['XADD', 'emptied', '5-5', 'f', 'v']);
    client.ask(['XDEL', 'emptied', '5-5']);
    for (let i = 1; i < 1500; i++) client.ask(write(random, i));
    if (isRewritten) {
      // What is gone from the stream but not confirmed, no command can make.
      for (const key of KEYS) client.ask(['XAUTOCLAIM', key, 'g', 'z', '0', '0', 'COUNT', '9999']);
      client.ask(['BGREWRITEAOF']);
      await until(() => first.persistence?.isRewriting === false, 'the file is rewritten');
    }
    const before = KEYS.map((key) => lasting(client, key));
    const entries = KEYS.map((key) => client.ask(['XRANGE', key, '-', '+']));
    const pending = KEYS.map((key) => client.ask(['XPENDING', key, 'g']));
    await first.close();
    const second = open();
    const again = new EngineClient(second);
    assert.deepEqual(
      KEYS.map((key) => lasting(again, key)?.replace(/radix.*?last-gen/s, '')),
      before.map((text) => text?.replace(/radix.*?last-gen/s, '')),
    );
    await second.close();
    await using server = await startRedis({ config: { dir, appendonly: 'yes' } });
    for (const [index, key] of KEYS.entries()) {
      assert.equal(await server.ask('XRANGE', key, '-', '+'), entries[index]);
      assert.equal(await server.ask('XPENDING', key, 'g'), pending[index]);
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
}
