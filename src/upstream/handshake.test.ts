import assert from 'node:assert/strict';
import { test } from 'node:test';
import { greeting } from './handshake.ts';

function said(...args: Parameters<typeof greeting>): [string, readonly string[]] {
  const { bytes, steps } = greeting(...args);
  return [
    bytes
      .toString('latin1')
      .replace(/[*$]\d+\r\n/g, '')
      .replaceAll('\r\n', ' ')
      .trim(),
    steps,
  ];
}

test('a link that needs nothing says nothing', () => {
  assert.deepEqual(said(2, 0, null), ['', []]);
});

test('RESP3 is asked for together with the login', () => {
  assert.deepEqual(said(3, 0, null), ['HELLO 3', ['hello']]);
  const both = said(3, 0, { username: 'app', password: 'secret' });
  assert.deepEqual(both, ['HELLO 3 AUTH app secret', ['hello']]);
  const unnamed = said(3, 0, { username: '', password: 'secret' });
  assert.deepEqual(unnamed, ['HELLO 3 AUTH default secret', ['hello']]);
});

test('RESP2 logs in with AUTH, by password alone where no user is named', () => {
  assert.deepEqual(said(2, 0, { username: '', password: 'p' }), ['AUTH p', ['auth']]);
  assert.deepEqual(said(2, 0, { username: 'u', password: 'p' }), ['AUTH u p', ['auth']]);
});

test('a connection that is lent asks for its number', () => {
  assert.deepEqual(said(2, 1, null, true), ['SELECT 1 CLIENT ID', ['select', 'id']]);
});

test('the database is selected last', () => {
  const [text, steps] = said(2, 7, { username: '', password: 'p' });
  assert.equal(text, 'AUTH p SELECT 7');
  assert.deepEqual(steps, ['auth', 'select']);
});
