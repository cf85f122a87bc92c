import assert from 'node:assert/strict';
import { test } from 'node:test';
import { globMatches } from '../core/glob.ts';
import { isNotification, mayMatchNotification } from './notifications.ts';

function is(channel: string): boolean {
  const bytes = Buffer.from(`??${channel}`, 'latin1');
  return isNotification(bytes, 2, bytes.length);
}

test('channels of keyspace notifications are told by their beginning', () => {
  assert.ok(is('__keyspace@0__:user:1'));
  assert.ok(is('__keyevent@15__:set'));
  for (const other of [
    '',
    '__keyspace',
    '__keyspaces@0__:x',
    'x__keyspace@0__:x',
    '__KEYSPACE@0__:x',
  ]) {
    assert.ok(!is(other), other);
  }
});

test('patterns that could match one are told from those that cannot', () => {
  for (const pattern of [
    '*',
    '__key*',
    '__keyspace@0__:*',
    '__keyevent@?__:set',
    '?_key*',
    '[_]_*',
    '\\__key*',
  ]) {
    assert.ok(mayMatchNotification(Buffer.from(pattern)), pattern);
  }
  for (const pattern of [
    '',
    'news.*',
    '__keyspace',
    '_',
    '__keyspaces@*',
    'x*',
    '\\*',
    '__key\\*',
  ]) {
    assert.ok(!mayMatchNotification(Buffer.from(pattern)), pattern);
  }
});

test('a pattern that matches a notification is never taken for one that cannot', () => {
  const channels = ['__keyspace@0__:k', '__keyevent@3__:del'].map((text) => Buffer.from(text));
  const pieces = ['_', '__', 'key', 'space', '@', '*', '?', '[_k]', '\\_', 'event', '0', '[^x]'];
  let matched = 0;
  for (let seed = 0; seed < 20_000; seed++) {
    let text = '';
    for (let rest = seed; rest > 0; rest = Math.floor(rest / pieces.length)) {
      text += pieces[rest % pieces.length];
    }
    const pattern = Buffer.from(`${text}*`);
    if (!channels.some((channel) => globMatches(pattern, channel, 0, channel.length))) continue;
    matched++;
    assert.ok(mayMatchNotification(pattern), pattern.toString());
  }
  assert.ok(matched > 100, `${matched} patterns matched`);
});
