import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secretFilesIn, withoutFileTexts } from './file-secrets.ts';

const CONFIG = {
  users: [
    {
      name: 'a',
      passwords: [
        { text: 'one', file: '/a' },
        { text: 'two', file: null },
      ],
    },
  ],
  upstream: { auth: { username: null, password: { text: 'three', file: '/b' } }, tls: null },
};

test('what files say is left out of a comparison, and nothing else', () => {
  assert.deepEqual(withoutFileTexts(CONFIG), {
    users: [{ name: 'a', passwords: [{ file: '/a' }, { text: 'two', file: null }] }],
    upstream: { auth: { username: null, password: { file: '/b' } }, tls: null },
  });
});

test('every file that a secret stands in is found', () => {
  assert.deepEqual(secretFilesIn(CONFIG), ['/a', '/b']);
});
