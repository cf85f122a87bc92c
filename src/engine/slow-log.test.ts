import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineClient } from '../../test/support/engine.ts';
import { Engine } from './engine.ts';

test('quick commands are noted too where everything is to be noted', () => {
  const engine = new Engine();
  const client = new EngineClient(engine);
  client.ask(['SET', 'k', 'v']);
  client.ask(['GET', 'k']);
  assert.equal(engine.slowLog.entries.length, 0);
  client.ask(['CONFIG', 'SET', 'slowlog-log-slower-than', '0']);
  client.ask(['SLOWLOG', 'RESET']);
  client.ask(['SET', 'k', 'v']);
  client.ask(['GET', 'k']);
  const noted = engine.slowLog.entries.map(({ words }) => words.join(' '));
  assert.deepEqual(noted.slice(0, 2), ['GET k', 'SET k v']);
});
