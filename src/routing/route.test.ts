import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Group } from './group.ts';
import { type Route, RouteTable } from './route.ts';

function route(prefix: string, options: Partial<Route> = {}): Route {
  return {
    prefix,
    removePrefix: false,
    keyFormat: '',
    group: { name: prefix } as Group,
    readGroup: null,
    mirrors: [],
    ...options,
  };
}

/** The prefix of the route found; `none` where there is none. */
function find(table: RouteTable, key: string): string {
  const bytes = Buffer.from(`##${key}##`, 'latin1');
  return table.find(bytes, 2, bytes.length - 2)?.group.name ?? 'none';
}

test('the longest prefix wins, whatever order they are in', () => {
  const prefixes = ['a', 'ab', 'abc', 'b', ''];
  for (const order of [prefixes, prefixes.toReversed(), ['ab', '', 'abc', 'b', 'a']]) {
    const table = new RouteTable(
      order.map((prefix) => route(prefix)),
      false,
    );
    const found = ['abcd', 'abc', 'abd', 'ab', 'ax', 'a', 'bb', 'c', ''].map((key) =>
      find(table, key),
    );
    assert.deepEqual(found, ['abc', 'abc', 'ab', 'ab', 'a', 'a', 'b', '', '']);
  }
});

test('a key shorter than the prefix does not match with what stands behind it', () => {
  const table = new RouteTable([route('a##')], false);
  assert.equal(find(table, 'a'), 'none');
});

test('a key without a route has none', () => {
  const table = new RouteTable([route('a')], false);
  assert.deepEqual([find(table, 'b'), find(table, '')], ['none', 'none']);
  assert.equal(table.catchAll, null);
});

test('case matters unless it is said not to', () => {
  const [exact, folded] = [false, true].map(
    (fold) => new RouteTable([route('App:'), route('')], fold),
  );
  assert.deepEqual(
    ['App:1', 'app:1', 'APP:1'].map((key) => find(exact!, key)),
    ['App:', '', ''],
  );
  assert.deepEqual(
    ['App:1', 'app:1', 'APP:1'].map((key) => find(folded!, key)),
    ['App:', 'App:', 'App:'],
  );
});

test('folding case concerns letters only', () => {
  const table = new RouteTable([route('@['), route('\xc0'), route('')], true);
  assert.deepEqual(
    ['@[', '`{', '@{', '`['].map((key) => find(table, key)),
    ['@[', '', '', ''],
  );
});

test('bytes above 127 are compared as bytes of UTF-8', () => {
  const table = new RouteTable([route('é:'), route('')], true);
  assert.deepEqual(
    ['\xc3\xa9:1', '\xe9:1', '\xc3\x89:1'].map((key) => find(table, key)),
    ['é:', '', ''],
  );
});

test('a route says how a key is written anew', () => {
  const compiled = (options: Partial<Route>): unknown[] => {
    const one = new RouteTable([route('app:', options)], false).all[0]!;
    return [one.cut, one.before.toString(), one.after.toString(), one.rewrites];
  };
  assert.deepEqual(compiled({}), [0, '', '', false]);
  assert.deepEqual(compiled({ removePrefix: true }), [4, '', '', true]);
  assert.deepEqual(compiled({ keyFormat: '%KEY%' }), [0, '', '', false]);
  assert.deepEqual(compiled({ keyFormat: 'x:%KEY%:y' }), [0, 'x:', ':y', true]);
});
