import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalAddress, isLoopback, parseAddress, parseServer } from './address.ts';
import type { Address } from './config.ts';

function address(text: string): Address {
  const parsed = parseAddress(text, '/etc/tidegate', 0);
  assert.ok(parsed, text);
  return parsed;
}

test('host, IPv6 and unix addresses are told apart and keep their text', () => {
  assert.deepEqual(address('redis.internal:6379'), {
    kind: 'tcp',
    host: 'redis.internal',
    port: 6379,
    text: 'redis.internal:6379',
  });
  assert.deepEqual(address('[::1]:0'), { kind: 'tcp', host: '::1', port: 0, text: '[::1]:0' });
  assert.deepEqual(address('unix:/run/x.sock'), {
    kind: 'unix',
    path: '/run/x.sock',
    text: 'unix:/run/x.sock',
  });
});

test('a relative socket path starts from the folder of the file', () => {
  const parsed = address('unix:x.sock');
  assert.equal(parsed.kind === 'unix' && parsed.path, '/etc/tidegate/x.sock');
});

test('what is not an address is refused', () => {
  const long = `unix:/${'x'.repeat(107)}`;
  const texts = [
    '',
    ':1',
    'a',
    'a:',
    'a:b',
    'a:65536',
    '::1:5',
    '[a]:1',
    'a b:1',
    'unix:',
    'a:1=2',
    long,
  ];
  for (const text of texts) assert.equal(parseAddress(text, '/', 0), null, text);
});

test('port 0 is only for listening', () => {
  assert.equal(parseAddress('a:0', '/', 1), null);
});

test('a server has weight 1 unless written', () => {
  const read = (text: string) => {
    const server = parseServer(text, '/');
    return server && [server.address.text, server.weight];
  };
  assert.deepEqual(read('a:1'), ['a:1', 1]);
  assert.deepEqual(read('a:1=5'), ['a:1', 5]);
  assert.deepEqual(read('[::1]:1=5'), ['[::1]:1', 5]);
  assert.deepEqual(read('unix:/s=2'), ['unix:/s', 2]);
});

test('a weight of 0, a negative or a broken one is refused', () => {
  for (const text of ['a:1=0', 'a:1=-1', 'a:1=x', 'a:1=1.5', 'a:1=']) {
    assert.equal(parseServer(text, '/'), null, text);
  }
});

test('loopback is this machine, however it is written', () => {
  const near = ['127.0.0.1:1', '127.9.9.9:1', 'localhost:1', '[::1]:1', 'unix:/s'];
  const far = ['0.0.0.0:1', '[::]:1', '10.0.0.1:1', '127.0.0.1.example:1'];
  assert.deepEqual(
    near.map((text) => isLoopback(address(text))),
    near.map(() => true),
  );
  assert.deepEqual(
    far.map((text) => isLoopback(address(text))),
    far.map(() => false),
  );
});

test('one place has one canonical text', () => {
  assert.equal(canonicalAddress(address('Redis:1')), canonicalAddress(address('redis:01')));
  assert.equal(canonicalAddress(address('[::A]:1')), '[::a]:1');
});
