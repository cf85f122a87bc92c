/** Sets and hashes in the append-only file, as commands and as the file written anew has them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Engine } from '../../src/engine/engine.ts';
import { until } from '../support/bounded.ts';
import { EngineClient, sortedReply } from '../support/engine.ts';

const START = 1_700_000_000_000;

function open(dir: string, now: { ms: number }): Engine {
  return new Engine({
    clock: () => now.ms,
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

const QUESTIONS: readonly string[][] = [
  ['SMEMBERS', 'ints'],
  ['SMEMBERS', 'texts'],
  ['SMEMBERS', 'popped'],
  ['HGETALL', 'few'],
  ['HGETALL', 'many'],
  ['HGETALL', 'sums'],
  ['HPEXPIRETIME', 'few', 'FIELDS', '4', 'a', 'b', 'c', 'd'],
  ['TTL', 'texts'],
];

for (const isRewritten of [false, true]) {
  test(`they are there after a restart (file written anew: ${isRewritten})`, async () => {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'tidegate-members-'));
    try {
      const now = { ms: START };
      const engine = open(dir, now);
      const client = new EngineClient(engine);
      const many = Array.from({ length: 1000 }, (_none, i) => `m${i}`);
      client.ask(['SADD', 'ints', '3', '-1', '70000']);
      client.ask(['SADD', 'texts', ...many]);
      client.ask(['EXPIRE', 'texts', '100']);
      client.ask(['SADD', 'popped', ...many]);
      client.ask(['SPOP', 'popped', '950']);
      client.ask(['SPOP', 'popped', '3']);
      client.ask(['SPOP', 'popped']);
      client.ask(['HSET', 'many', ...many.flatMap((name) => [name, 'x'])]);
      client.ask(['HINCRBYFLOAT', 'sums', 'f', '0.1']);
      client.ask(['HSET', 'few', 'a', '1', 'b', '2', 'c', '3']);
      client.ask(['HEXPIRE', 'few', '50', 'FIELDS', '1', 'a']);
      client.ask(['HPEXPIRE', 'few', '20', 'FIELDS', '2', 'b', 'c']);
      now.ms += 25;
      // What was there has expired: it is counted from nothing.
      client.ask(['HINCRBY', 'few', 'b', '5']);
      client.ask(['HSETEX', 'few', 'EX', '10', 'FIELDS', '1', 'd', '4']);
      if (isRewritten) {
        assert.ok(engine.persistence!.rewrite());
        await until(() => !engine.persistence!.isRewriting, 'the file is written anew');
      }
      const wanted = QUESTIONS.map((words) => sortedReply(client.ask(words)!));
      assert.match(wanted[3]!, /\$1\r\n5\r\n/);
      await engine.close();
      const second = open(dir, now);
      const again = new EngineClient(second);
      const found = QUESTIONS.map((words) => sortedReply(again.ask(words)!));
      assert.deepEqual(found, wanted);
      await second.close();
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
}
