import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT } from './default-config.ts';
import { ConfigError } from './faults.ts';
import { loadText } from './load.ts';
import { quickStart } from './quick-start.ts';

test('servers alone give the doors of the contract', () => {
  const file = `listeners: { main: { listen: "127.0.0.1:6380", routes: [{ prefix: "", upstream: main }] } }
upstreams: { main: { kind: shards, servers: ["a:1", "b:2=3"] } }
admin: { listen: "127.0.0.1:9901" }`;
  assert.deepEqual(quickStart({ upstream: 'a:1, b:2=3' }), loadText(file, 'f.yaml'));
});

test('nothing gives an engine, which needs no schema to be told', () => {
  const file = `listeners: { main: { listen: "127.0.0.1:6380", routes: [{ prefix: "", upstream: main }] } }
upstreams: { main: { kind: embedded } }
admin: { listen: "127.0.0.1:9901" }`;
  assert.deepEqual(quickStart({}), loadText(file, 'f.yaml'));
  assert.deepEqual(DEFAULT, quickStart({}));
});

test('seeds alone give a cluster', () => {
  const { main } = quickStart({ cluster: 'a:1,b:2' }).upstreams;
  assert.equal(main?.kind, 'cluster');
  assert.deepEqual(
    main.servers.map(({ address }) => address.text),
    ['a:1', 'b:2'],
  );
  assert.throws(() => quickStart({ cluster: 'a' }), /^ConfigError: --cluster: found "a"/);
});

test('a name and Sentinels give a service', () => {
  const { main } = quickStart({ sentinel: 'mymaster@a:1, b:2' }).upstreams;
  assert.deepEqual([main?.kind, main?.sentinel?.service], ['sentinel', 'mymaster']);
  assert.deepEqual(
    main?.servers.map(({ address }) => address.text),
    ['a:1', 'b:2'],
  );
  assert.throws(
    () => quickStart({ sentinel: 'a:1' }),
    /^ConfigError: --sentinel: found "a:1", allowed name@host:port/,
  );
  assert.throws(() => quickStart({ sentinel: 'm@a' }), /^ConfigError: --sentinel: found "a"/);
  assert.throws(() => quickStart({ sentinel: '@a:1' }), /^ConfigError: --sentinel: found ""/);
});

test('options take the place of the defaults', () => {
  const config = quickStart({
    upstream: 'a:1',
    listen: 'unix:/run/t.sock',
    admin: '127.0.0.1:0',
    workers: 'auto',
    logLevel: 'debug',
  });
  assert.equal(Object.values(config.listeners)[0]?.listen.text, 'unix:/run/t.sock');
  assert.equal(config.admin?.listen.text, '127.0.0.1:0');
  assert.deepEqual([config.workers, config.log.level], ['auto', 'debug']);
});

test('faults name the option instead of a place in a file', () => {
  const options = { upstream: 'a', listen: 'b', admin: '0.0.0.0:1', workers: 'x', logLevel: 'y' };
  assert.throws(
    () => quickStart(options),
    (error) => {
      assert.ok(error instanceof ConfigError);
      const names = error.message.split('\n').map((line) => line.split(':')[0]);
      assert.deepEqual(names.sort(), [
        '--admin',
        '--listen',
        '--log-level',
        '--upstream',
        '--workers',
      ]);
      return true;
    },
  );
});
