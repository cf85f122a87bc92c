import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBound, parseScore, SCORE_BYTES_MAX, writeScore } from './score.ts';

function score(text: string): number {
  const bytes = Buffer.from(text);
  return parseScore(bytes, 0, bytes.length);
}

function bound(text: string): number {
  const bytes = Buffer.from(text);
  return parseBound(bytes, 0, bytes.length);
}

test('decimals are rounded as a parser of doubles rounds them', () => {
  for (const text of [
    '0.1',
    '3.3',
    '123456.789',
    '1.5',
    '-2.25',
    '99999999999999.9',
    '0.000001',
    '5.',
    '.5',
    '1e3',
    '+7',
  ]) {
    assert.equal(score(text), Number(text), text);
  }
  assert.ok(Object.is(score('-0'), -0));
});

test('a score is a whole number and nothing around it', () => {
  for (const text of [
    '',
    ' 1',
    '1 ',
    'x',
    '1x',
    'nan',
    '-',
    '.',
    '1.2.3',
    '1e400',
    '-1e400',
    '1e-400',
  ]) {
    assert.ok(Number.isNaN(score(text)), text);
  }
  assert.equal(score('-inf'), -Infinity);
  assert.equal(score('0e-400'), 0);
});

test('the end of a range may have blanks before it, be empty or too big', () => {
  assert.equal(bound(' \t5'), 5);
  assert.equal(bound(''), 0);
  assert.equal(bound('1e400'), Infinity);
  assert.equal(bound('7\0x'), 7);
  for (const text of ['5 ', 'x', 'nan', ' ']) assert.ok(Number.isNaN(bound(text)), text);
});

test('a listpack gets integers as digits, without the sign of zero', () => {
  const target = Buffer.alloc(SCORE_BYTES_MAX);
  const written = (value: number): string =>
    target.toString('latin1', 0, writeScore(target, value));
  assert.equal(written(-0), '0');
  assert.equal(written(2 ** 62), '4611686018427387904');
  assert.equal(written(2 ** 63), '9.2233720368547758e+18');
  assert.equal(written(-0.1), '-0.10000000000000001');
});
