import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc16, slotOf, tagEnd, tagStart } from './slot.ts';

function slot(key: string): number {
  const bytes = Buffer.from(`..${key}..`);
  return slotOf(bytes, 2, bytes.length - 2);
}

function tag(key: string): string {
  const bytes = Buffer.from(`{{${key}}}`);
  const start = tagStart(bytes, 2, 2 + key.length);
  return bytes.toString('latin1', start, tagEnd(bytes, 2, 2 + key.length, start));
}

test('the checksum is that of the specification', () => {
  assert.equal(crc16(Buffer.from('123456789'), 0, 9), 0x31c3);
});

test('keys have the slots a cluster gives them', () => {
  assert.deepEqual(['foo', 'bar', 'foobar', ''].map(slot), [12182, 5061, 12325, 0]);
});

test('a hash tag alone decides the slot', () => {
  assert.equal(slot('{user1000}.following'), slot('user1000'));
  assert.equal(slot('a{user1000}b'), slot('user1000'));
});

test('only the first pair of braces with something between them is a tag', () => {
  const keys = [
    'foo{}{bar}',
    'foo{{bar}}zap',
    'foo{bar}{zap}',
    '{foo',
    'foo}',
    '}{',
    '{}',
    '{}x',
    '',
  ];
  const tags = ['foo{}{bar}', '{bar', 'bar', '{foo', 'foo}', '}{', '{}', '{}x', ''];
  assert.deepEqual(keys.map(tag), tags);
});

test('a tag at the very start differs from no tag', () => {
  assert.equal(tag('{a}b'), 'a');
});
