import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StringView } from '../keyspace.ts';
import { commonLength, commonTable, walkMatches } from './lcs.ts';

function viewOf(text: string): StringView {
  const view = new StringView(Buffer.from(`..${text}.`));
  view.start = 2;
  view.end = 2 + text.length;
  return view;
}

test('the longest common subsequence is found with its places', () => {
  const a = viewOf('ohmytext');
  const b = viewOf('mynewtext');
  const table = commonTable(a, b);
  assert.equal(table.at(-1), 6);
  assert.equal(commonLength(a, b), 6);
  const shown: number[][] = [];
  walkMatches(a, b, table, (...places) => shown.push(places));
  assert.deepEqual(shown, [
    [4, 7, 5, 8],
    [2, 3, 0, 1],
  ]);
});

test('strings of nothing have nothing in common', () => {
  assert.equal(commonLength(viewOf(''), viewOf('abc')), 0);
  assert.equal(commonLength(viewOf('abc'), viewOf('')), 0);
  assert.equal(commonTable(viewOf(''), viewOf('')).at(-1), 0);
});
