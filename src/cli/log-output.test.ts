import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prettyLine } from './log-output.ts';

test('a pretty line has the time, the level, the message and then the fields', () => {
  const line = JSON.stringify({
    level: 'warn',
    time: '2026-01-02T12:34:56.789Z',
    upstream: 'main',
    failures: 5,
    reason: 'connection lost',
    msg: 'server ejected',
  });
  const expected =
    '12:34:56.789 warn  server ejected upstream=main failures=5 reason="connection lost"\n';
  assert.equal(prettyLine(line), expected);
});
