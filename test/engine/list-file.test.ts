/** What commands on lists put into the append-only file: the same as at a real server. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Engine } from '../../src/engine/engine.ts';
import { until } from '../support/bounded.ts';
import { EngineClient } from '../support/engine.ts';
import { startRedis } from '../support/redis.ts';
import { decode } from '../support/wire.ts';

const INCREMENT = path.join('appendonlydir', 'appendonly.aof.1.incr.aof');

/** Client and command; client 0 never waits, and DEL of a key called `end` is the last. */
const STEPS: readonly (readonly [number, ...string[]])[] = [
  [0, 'RPUSH', 'a', '1', '2', '3', '4', '5', '6'],
  [0, 'LPUSH', 'none', 'x'],
  [0, 'LPUSHX', 'never', 'x'],
  [0, 'LPOP', 'a'],
  [0, 'RPOP', 'a', '2'],
  [0, 'LPOP', 'a', '0'],
  [0, 'LMPOP', '2', 'never', 'a', 'RIGHT', 'COUNT', '9'],
  [0, 'RPUSH', 'a', '1', '2', '3', '4', '5', '6'],
  [0, 'BLPOP', 'never', 'a', '1'],
  [0, 'BRPOP', 'a', '1'],
  [0, 'blmpop', '1', '1', 'a', 'LEFT', 'COUNT', '2'],
  [0, 'BLMOVE', 'a', 'b', 'left', 'RIGHT', '1'],
  [0, 'BRPOPLPUSH', 'a', 'b', '1'],
  [0, 'LMOVE', 'b', 'b', 'LEFT', 'RIGHT'],
  [0, 'LTRIM', 'b', '0', '-1'],
  [0, 'LTRIM', 'b', '0', '0'],
  [0, 'LREM', 'b', '0', 'none'],
  [0, 'LINSERT', 'b', 'before', 'none', 'x'],
  [0, 'LSET', 'b', '0', 'pivot'],
  [0, 'LINSERT', 'b', 'before', 'pivot', 'x'],
  [0, 'LREM', 'b', '-1', 'x'],
  [0, 'LSET', 'b', '5', 'x'],
  [0, 'SET', 's', '1'],
  [0, 'BLMOVE', 'b', 's', 'LEFT', 'LEFT', '1'],
  [1, 'BLPOP', 'w', 'v', '0'],
  [0, 'RPUSH', 'v', '1', '2'],
  [1, 'BLMOVE', 'w', 'v', 'LEFT', 'RIGHT', '0'],
  [2, 'BRPOPLPUSH', 'u', 'w', '0'],
  [0, 'RPUSH', 'u', '1'],
  [1, 'BLMPOP', '0', '2', 'w', 'u', 'RIGHT', 'COUNT', '3'],
  [0, 'RPUSH', 'u', '1'],
  [0, 'DEL', 'b'],
  [0, 'SET', 'end', '1'],
];

test('a real server and the engine put the same commands into their files', async () => {
  await using server = await startRedis({
    config: { appendonly: 'yes', appendfsync: 'always' },
  });
  const folder = mkdtempSync(path.join(os.tmpdir(), 'tidegate-engine-'));
  const engine = open(folder);
  try {
    const wires = await Promise.all(Array.from({ length: 3 }, () => server.connect()));
    const clients = wires.map(() => new EngineClient(engine));
    for (const [index, ...words] of STEPS) {
      wires[index]!.send(...words);
      const found = clients[index]!.ask(words);
      if (found !== null) assert.equal(found, await wires[index]!.read(), words.join(' '));
      const wanted = `blocked_clients:${engine.blocked.count}\r\n`;
      const isSettled = async (): Promise<boolean> =>
        (await server.ask('INFO', 'clients')).includes(wanted);
      await until(isSettled, `${wanted} after ${words.join(' ')}`);
    }
    await engine.close();
    const dir = (decode(await server.ask('CONFIG', 'GET', 'dir')) as string[])[1]!;
    const theirs = commandsOf(readFileSync(path.join(dir, INCREMENT), 'latin1'));
    const ours = commandsOf(readFileSync(path.join(folder, INCREMENT), 'latin1'));
    assert.deepEqual(ours, theirs);
    for (const wire of wires) wire.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const LENGTH = 5000;

test('a list is the same after the file was written anew', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'tidegate-engine-'));
  try {
    const first = open(folder);
    const client = new EngineClient(first);
    for (let i = 0; i < LENGTH; i++) client.ask(['RPUSH', 'a', i % 2 === 0 ? String(i) : `v${i}`]);
    for (const value of ['', 'x'.repeat(100_000), '\r\n']) client.ask(['LPUSH', 'a', value]);
    const wanted = client.ask(['LRANGE', 'a', '0', '-1']);
    client.ask(['BGREWRITEAOF']);
    await until(() => first.persistence?.isRewriting === false, 'the file is written anew');
    await first.close();
    const incremental = readFileSync(path.join(folder, INCREMENT.replace('.1.', '.2.')), 'latin1');
    assert.ok(!incremental.includes('RPUSH'));
    const second = open(folder);
    assert.equal(new EngineClient(second).ask(['LRANGE', 'a', '0', '-1']), wanted);
    await second.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function open(dir: string): Engine {
  return new Engine({
    persistence: {
      dir,
      fsync: 'no',
      schedule: (target) => setImmediate(() => target.flush()),
      warn: () => {},
      info: () => {},
      fail: (error) => {
        throw error;
      },
    },
  });
}

/** One line each; the words are none that contain what ends a word. */
function commandsOf(text: string): string[] {
  const frames = text.split(/^\*\d+\r\n/m).slice(1);
  return frames.map((frame) =>
    frame
      .split('\r\n')
      .filter((_line, i) => i % 2 === 1)
      .join(' '),
  );
}
