import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitInline } from './inline.ts';

function words(line: string): string[] | null {
  const bytes = Buffer.from(`[${line}]`, 'latin1');
  const found = splitInline(bytes, 1, bytes.length - 1);
  return found === null ? null : found.map((word) => word.toString('latin1'));
}

test('words are what stands between blanks', () => {
  assert.deepEqual(words('SET key value'), ['SET', 'key', 'value']);
  assert.deepEqual(words('  \t SET   key\r\x0b\x0c '), ['SET', 'key']);
  assert.deepEqual(words('   '), []);
});

test('double quotes keep blanks and know escapes', () => {
  assert.deepEqual(words('"a b" "" "\\x41\\n\\r\\t\\b\\a\\"\\\\"'), [
    'a b',
    '',
    'A\n\r\t\b\x07"\\',
  ]);
  assert.deepEqual(words('"\\x4" "\\xZZ" "\\q"'), ['x4', 'xZZ', 'q']);
});

test('single quotes keep everything but their own escape', () => {
  assert.deepEqual(words("'a\\nb' 'it\\'s'"), ['a\\nb', "it's"]);
});

test('quotes may begin within a word', () => {
  assert.deepEqual(words('PI"NG" a\'b c\''), ['PING', 'ab c']);
});

test('quotes that do not close, or close within a word, are a fault', () => {
  for (const line of ['"a', "'a", '"a"b', "'a'b", '"a\\', '"a\\"', '"\\x4', "'a\\'"]) {
    assert.equal(words(line), null, line);
  }
});

test('a vertical tab stands within a word as Redis has it', () => {
  assert.deepEqual(words('PI\x0bNG\x0cX'), ['PI\x0bNG\x0cX']);
  assert.deepEqual(words('"PING"\x0bX'), ['PING', 'X']);
});

test('a zero byte neither ends a word nor keeps the search from ending', () => {
  assert.deepEqual(words('GET a\0b \0 "\0"'), ['GET', 'a\0b', '\0', '\0']);
});

test('bytes above 127 are taken as they are', () => {
  assert.deepEqual(words('\xff\x80 "\xe9"'), ['\xff\x80', '\xe9']);
});
