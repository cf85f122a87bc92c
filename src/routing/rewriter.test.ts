import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandOf, frameOf } from '../../test/support/sinks.ts';
import type { Command } from '../commands/command.ts';
import { KeyPositions, keysOf } from '../commands/keys.ts';
import { UNKNOWN } from '../commands/lookup.ts';
import type { Group } from './group.ts';
import { Rewriter } from './rewriter.ts';
import { type CompiledRoute, RouteTable } from './route.ts';

const GROUP = { name: 'x' } as Group;
const COMMON = { group: GROUP, readGroup: null, mirrors: [] };
const ROUTES = new RouteTable(
  [
    { ...COMMON, prefix: 'cut:', removePrefix: true, keyFormat: '' },
    { ...COMMON, prefix: 'both:', removePrefix: true, keyFormat: '<%KEY%>' },
    { ...COMMON, prefix: '', removePrefix: false, keyFormat: '' },
  ],
  false,
);

function rewrite(rewriter: Rewriter, ...words: string[]): Command {
  const source = commandOf(...words);
  const keys = keysOf(source, new KeyPositions());
  const routes: (CompiledRoute | null)[] = [];
  for (let i = 0; i < keys.count; i++) {
    const at = keys.indexes[i]!;
    routes.push(ROUTES.find(source.bytes, source.argStart(at), source.argEnd(at)));
  }
  return rewriter.rewrite(source, keys, routes);
}

function written(command: Command): string {
  return command.bytes.toString('latin1', command.start, command.end);
}

test('every key is written by its own route, and nothing else', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['GET cut:a', 'GET a'],
    ['GET cut:', 'GET '],
    ['SET both:a cut:value', 'SET <a> cut:value'],
    ['MGET cut:a b both:c cut:d', 'MGET a b <c> d'],
    ['MSET cut:a cut:1 both:b both:2', 'MSET a cut:1 <b> both:2'],
    ['EVAL cut:script 2 cut:a both:b cut:arg', 'EVAL cut:script 2 a <b> cut:arg'],
    ['ZUNIONSTORE cut:to 2 both:a cut:b WEIGHTS 1 2', 'ZUNIONSTORE to 2 <a> b WEIGHTS 1 2'],
    ['XREAD COUNT 1 STREAMS cut:a both:b 0 cut:0', 'XREAD COUNT 1 STREAMS a <b> 0 cut:0'],
    ['BITOP AND cut:to cut:a cut:b', 'BITOP AND to a b'],
    ['OBJECT ENCODING cut:a', 'OBJECT ENCODING a'],
    ['PING cut:a', 'PING cut:a'],
  ];
  const rewriter = new Rewriter(UNKNOWN);
  for (const [before, after] of cases) {
    const found = rewrite(rewriter, ...before.split(' '));
    assert.equal(written(found), frameOf(...after.split(' ')), before);
    const words = Array.from({ length: found.argc }, (_none, i) => found.text(i));
    assert.deepEqual(words, after.split(' '), before);
  }
});

test('the lengths of keys are written with as many digits as they need', () => {
  const rewriter = new Rewriter(UNKNOWN);
  for (const size of [5, 9, 10, 11, 95, 99, 100, 103, 104, 999, 1000, 1004, 99_999]) {
    const key = 'k'.repeat(size);
    assert.equal(written(rewrite(rewriter, 'GET', `cut:${key}`)), frameOf('GET', key));
    assert.equal(written(rewrite(rewriter, 'GET', `both:${key}`)), frameOf('GET', `<${key}>`));
  }
});

test('a command of thousands of keys fits', () => {
  const keys = Array.from({ length: 5000 }, (_none, i) => `${i}`);
  const found = rewrite(new Rewriter(UNKNOWN), 'DEL', ...keys.map((key) => `both:${key}`));
  assert.equal(written(found), frameOf('DEL', ...keys.map((key) => `<${key}>`)));
});

test('whose command it is stays known', () => {
  const source = commandOf('GET', 'cut:a');
  Object.assign(source, { database: 7, protocol: 3, affinity: 2 ** 40 });
  const keys = keysOf(source, new KeyPositions());
  const found = new Rewriter(UNKNOWN).rewrite(source, keys, [ROUTES.all[0]!]);
  assert.deepEqual(
    [found.database, found.protocol, found.affinity, found.spec.name],
    [7, 3, 2 ** 40, 'get'],
  );
});

test('a command that stands within a larger buffer is read from where it stands', () => {
  const source = commandOf('GET', 'cut:abc');
  source.bytes = Buffer.concat([Buffer.from('######'), source.bytes, Buffer.from('####')]);
  source.start += 6;
  source.end += 6;
  const keys = keysOf(source, new KeyPositions());
  const found = new Rewriter(UNKNOWN).rewrite(source, keys, [ROUTES.all[0]!]);
  assert.equal(written(found), frameOf('GET', 'abc'));
});
