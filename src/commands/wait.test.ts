import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandOf } from '../../test/support/sinks.ts';
import { waitOf } from './wait.ts';

test('a wait is read where the command has it, in its unit; 0 is for ever', () => {
  assert.equal(waitOf(commandOf('BLPOP', 'a', 'b', '1.5')), 1500);
  assert.equal(waitOf(commandOf('BLPOP', 'a', '0')), Number.POSITIVE_INFINITY);
  assert.equal(waitOf(commandOf('BLMPOP', '2', '1', 'a', 'LEFT')), 2000);
  assert.equal(waitOf(commandOf('WAIT', '1', '250')), 250);
});

test('a stream is waited for only with BLOCK before STREAMS', () => {
  assert.equal(waitOf(commandOf('XREAD', 'STREAMS', 'block', '0')), -1);
  assert.equal(waitOf(commandOf('XREAD', 'COUNT', '2', 'block', '20', 'STREAMS', 'a', '0')), 20);
});

test('a time that is none waits no time: the server will refuse it', () => {
  assert.equal(waitOf(commandOf('BLPOP', 'a', 'x')), 0);
  assert.equal(waitOf(commandOf('BLPOP', 'a', '-1')), 0);
});

test('other commands do not wait', () => {
  assert.equal(waitOf(commandOf('GET', 'a')), -1);
});
