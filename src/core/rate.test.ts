import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rate } from './rate.ts';

function takes(rate: Rate, now: number, times: number): number {
  return Array.from({ length: times }, () => rate.take(now)).filter(Boolean).length;
}

test("a burst may take one second's worth", () => {
  assert.equal(takes(new Rate(5, 1000), 1000, 10), 5);
});

test('tokens come back with time, and no more than a second holds', () => {
  const rate = new Rate(5, 0);
  takes(rate, 0, 5);
  assert.equal(takes(rate, 199, 10), 0);
  assert.equal(takes(rate, 400, 10), 2);
  assert.equal(takes(rate, 1_000_000, 10), 5);
});

test('less than one per second is one after its time', () => {
  const rate = new Rate(0.5, 0);
  assert.equal(takes(rate, 0, 3), 1);
  assert.equal(takes(rate, 1999, 3), 0);
  assert.equal(takes(rate, 2001, 3), 1);
});

test('the time to the next token is told, and a token not used can be given back', () => {
  const rate = new Rate(4, 0);
  assert.equal(rate.msToToken(0), 0);
  takes(rate, 0, 4);
  assert.equal(rate.msToToken(0), 250);
  assert.equal(rate.msToToken(100), 150);
  rate.giveBack();
  assert.equal(rate.msToToken(100), 0);
  assert.equal(takes(rate, 100, 3), 1);
});

test('many small steps of time earn as much as one large one', () => {
  const rate = new Rate(10, 0);
  takes(rate, 0, 10);
  let taken = 0;
  for (let now = 1; now <= 1001; now++) taken += takes(rate, now, 1);
  assert.equal(taken, 10);
});
