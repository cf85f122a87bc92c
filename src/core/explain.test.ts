import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explain } from './explain.ts';

function failure(fields: object): Error {
  return Object.assign(new Error('listen X: some text'), fields);
}

test('a taken port is named', () => {
  const error = failure({ code: 'EADDRINUSE', address: '127.0.0.1', port: 6380 });
  assert.equal(explain(error), '127.0.0.1:6380 is already in use by another process');
});

test('an address of another machine, IPv6 and sockets are named too', () => {
  const away = failure({ code: 'EADDRNOTAVAIL', address: '::9', port: 1 });
  const closed = failure({ code: 'EACCES', address: '/run/x.sock', port: -1 });
  assert.equal(explain(away), '[::9]:1 is not an address of this machine');
  assert.equal(explain(closed), '/run/x.sock: permission denied');
});

test('any other error keeps its words', () => {
  assert.equal(explain(new Error('broken')), 'broken');
  assert.equal(explain('text'), 'text');
});
