/** What a listener says about access: users, external authentication, faults on purpose, concurrency. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListenerConfig } from './config.ts';
import { ConfigError } from './faults.ts';
import { loadText } from './load.ts';

/** A configuration whose listener has these lines besides what it needs. */
function withLines(...lines: string[]): string {
  return [
    'listeners:',
    '  main:',
    '    listen: 127.0.0.1:6380',
    '    routes: [{ prefix: "", upstream: main }]',
    ...lines.map((line) => `    ${line}`),
    'upstreams: { main: { kind: shards, servers: ["a:1"] } }',
  ].join('\n');
}

function listenerOf(...lines: string[]): ListenerConfig {
  return loadText(withLines(...lines), 'f.yaml').listeners['main']!;
}

function faultsOf(text: string): string[] {
  try {
    loadText(text, 'f.yaml');
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.faults.map(({ path, reason }) => `${path}: ${reason}`);
  }
  return [];
}

test('a rate is per second, and absent unless given', () => {
  const { users } = listenerOf(
    'users: [{ name: a, password: x, rate: 600/m }, { name: b, password: x }]',
  );
  assert.deepEqual(
    users.map(({ rate }) => rate),
    [10, null],
  );
  assert.deepEqual(faultsOf(withLines('users: [{ name: a, password: x, rate: 0/s }]')), [
    'listeners.main.users[0].rate: found "0/s", allowed a rate such as 100/s or 600/m',
  ]);
});

test('external authentication needs an address and has defaults for the rest', () => {
  assert.equal(listenerOf().externalAuth, null);
  const external = listenerOf('external_auth: { grpc: "auth:9000" }').externalAuth;
  assert.deepEqual(external, {
    address: { kind: 'tcp', host: 'auth', port: 9000, text: 'auth:9000' },
    timeoutMs: 200,
    expires: false,
    tls: null,
  });
  assert.deepEqual(faultsOf(withLines('external_auth: { timeout: 0s, tls: { cert: /x.pem } }')), [
    'listeners.main.external_auth.grpc: is missing, allowed host:port, "[v6]:port" or unix:/path',
    'listeners.main.external_auth.timeout: found "0s", allowed a duration such as 250ms, 5s, 2m or 1h, more than 0',
    'listeners.main.external_auth.tls.key: is missing, needed beside cert',
    'listeners.main.external_auth.tls.cert: file /x.pem cannot be read: no such file',
  ]);
});

test('with external authentication users need no password, without it they do', () => {
  const { users } = listenerOf('users: [{ name: a }]', 'external_auth: { grpc: "auth:9000" }');
  assert.deepEqual(users[0]?.passwords, []);
  assert.deepEqual(faultsOf(withLines('users: [{ name: a }]')), [
    'listeners.main.users[0].password: is missing: a user needs a password or passwords',
  ]);
});

test('faults on purpose name known commands, and a delay says how long', () => {
  const { faults } = listenerOf(
    'custom_commands: [my.thing]',
    'faults: [{ kind: delay, percent: 10, delay: 50ms, commands: [GET, my.thing] }, { kind: error, percent: 0.5 }]',
  );
  assert.deepEqual(faults, [
    { kind: 'delay', percent: 10, delayMs: 50, commands: ['get', 'my.thing'] },
    { kind: 'error', percent: 0.5, delayMs: 0, commands: [] },
  ]);
  assert.deepEqual(
    faultsOf(
      withLines(
        'faults:',
        '  - { kind: delay, percent: 10 }',
        '  - { kind: eror, percent: 101, commands: [config|set, config|no] }',
        '  - { kind: error }',
      ),
    ),
    [
      'listeners.main.faults[0].delay: is missing, needed with kind: delay',
      'listeners.main.faults[1].kind: found "eror", allowed delay or error; did you mean "error"?',
      'listeners.main.faults[1].percent: found 101 (a number), allowed a number from 0 to 100',
      "listeners.main.faults[1].commands[1]: unknown command 'config|no'",
      'listeners.main.faults[2].percent: is missing, allowed a number from 0 to 100',
    ],
  );
});

test('concurrency is a number or unlimited, and enough for every worker', () => {
  assert.equal(listenerOf().concurrency, null);
  assert.equal(listenerOf('concurrency: unlimited').concurrency, null);
  assert.equal(listenerOf('concurrency: 1').concurrency, 1);
  const allowed = 'allowed a whole number from 1 to 1000000, or unlimited';
  assert.deepEqual(faultsOf(withLines('concurrency: 0')), [
    `listeners.main.concurrency: found 0 (a number), ${allowed}`,
  ]);
  assert.deepEqual(faultsOf(withLines('concurrency: none')), [
    `listeners.main.concurrency: found "none", ${allowed}`,
  ]);
  assert.deepEqual(faultsOf(`workers: 4\n${withLines('concurrency: 2')}`), [
    'listeners.main.concurrency: found 2, allowed at least one for each of the 4 workers: set workers to 2 or less',
  ]);
  assert.deepEqual(faultsOf(`workers: 4\n${withLines('concurrency: 4')}`), []);
  const onPath = withLines('concurrency: 1').replace('127.0.0.1:6380', 'unix:/tmp/x');
  assert.deepEqual(faultsOf(`workers: 4\n${onPath}`), []);
});
