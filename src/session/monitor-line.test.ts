import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandOf } from '../../test/support/sinks.ts';
import { escaped, monitorLine, wordsOf } from './monitor-line.ts';

test('a line has the time to a microsecond, database, source and words', () => {
  const line = monitorLine(3, '127.0.0.1:5', '"get" "k"');
  const [, seconds] = /^\+(\d+\.\d{6}) \[3 127\.0\.0\.1:5\] "get" "k"\r\n$/.exec(line)!;
  assert.ok(Math.abs(Number(seconds) * 1000 - Date.now()) < 1000, line);
});

test('bytes that are not plain are escaped as Redis escapes them', () => {
  assert.equal(escaped('a\\b"c\n\r\t\x07\b'), 'a\\\\b\\"c\\n\\r\\t\\a\\b');
  assert.equal(escaped('\0\x1f ~\x7f\x80\xff'), '\\x00\\x1f ~\\x7f\\x80\\xff');
});

for (const [line, words] of [
  ['AUTH p', '"AUTH" "(redacted)"'],
  ['auth u p', '"auth" "(redacted)" "(redacted)"'],
  ['HELLO 3 auth u p SETNAME n', '"HELLO" "3" "auth" "(redacted)" "(redacted)" "SETNAME" "n"'],
  ['HELLO 2 SETNAME auth', '"HELLO" "2" "SETNAME" "auth"'],
  [
    'MIGRATE h 1 k 0 1 AUTH2 u p KEYS a',
    '"MIGRATE" "h" "1" "k" "0" "1" "AUTH2" "(redacted)" "(redacted)" "KEYS" "a"',
  ],
  ['GET constructor', '"GET" "constructor"'],
] as const) {
  test(`no password is in the line of ${line}`, () => {
    assert.equal(wordsOf(commandOf(...line.split(' '))), words);
  });
}

test('a long command is cut, and says what is left out', () => {
  const long = wordsOf(commandOf('SET', 'k', 'x'.repeat(1_000_000), 'EX', '10'));
  assert.ok(long.length < 17_000);
  assert.match(long, /x\.\.\. \(983626 more bytes\)" "\.\.\. \(2 more arguments\)"$/);
  for (const key of ['key', '']) {
    const many = wordsOf(commandOf('DEL', ...Array.from({ length: 10_000 }, () => key)));
    assert.ok(many.length < 17_000, String(many.length));
    assert.match(many, /"\.\.\. \(\d+ more arguments\)"$/);
  }
});
