import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FeedFrame } from './feed-frames.ts';

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

/** What is read of a frame that stands somewhere within a chunk. */
function read(text: string): readonly [string, string, string, string] {
  const bytes = Buffer.from(`+before\r\n${text}+behind\r\n`, 'latin1');
  const frame = new FeedFrame();
  frame.read(bytes, '+before\r\n'.length);
  const { type, kind, nameStart, nameEnd, channelStart, channelEnd } = frame;
  const name = bytes.toString('latin1', nameStart, nameEnd);
  return [type, kind, name, bytes.toString('latin1', channelStart, channelEnd)];
}

test('messages of each kind, with names and payloads that are no text', () => {
  const name = '\xff\r\n*3\r\n';
  for (const [word, kind] of [
    ['message', 'channel'],
    ['smessage', 'shard'],
  ]) {
    const frame = `*3\r\n${bulk(word!)}${bulk(name)}${bulk('\r\n$1\r\n')}`;
    assert.deepEqual(read(frame), ['message', kind, name, name]);
  }
  const frame = `*4\r\n${bulk('pmessage')}${bulk('n*')}${bulk(name)}${bulk('')}`;
  assert.deepEqual(read(frame), ['message', 'pattern', 'n*', name]);
});

test('confirmations of each kind', () => {
  for (const [word, type, kind] of [
    ['subscribe', 'subscribed', 'channel'],
    ['psubscribe', 'subscribed', 'pattern'],
    ['ssubscribe', 'subscribed', 'shard'],
    ['unsubscribe', 'unsubscribed', 'channel'],
    ['punsubscribe', 'unsubscribed', 'pattern'],
    ['sunsubscribe', 'unsubscribed', 'shard'],
  ]) {
    const [foundType, foundKind, name] = read(`*3\r\n${bulk(word!)}${bulk('')}:12\r\n`);
    assert.deepEqual([foundType, foundKind, name], [type, kind, '']);
  }
});

test('the answer to a PING, and frames that mean nothing here', () => {
  assert.equal(read(`*2\r\n${bulk('pong')}${bulk('')}`)[0], 'pong');
  for (const frame of [
    '+PONG\r\n',
    ':1\r\n',
    '*-1\r\n',
    '*0\r\n',
    `*1\r\n${bulk('message')}`,
    `*2\r\n${bulk('message')}${bulk('x')}`,
    '*2\r\n:1\r\n:2\r\n',
    `*3\r\n${bulk('subscribe')}$-1\r\n:0\r\n`,
    `*3\r\n${bulk('message')}*0\r\n${bulk('x')}`,
    `*12\r\n${bulk('message').repeat(12)}`,
  ]) {
    assert.equal(read(frame)[0], 'other', frame);
  }
});
