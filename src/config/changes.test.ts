import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changesBetween } from './changes.ts';
import type { Config } from './config.ts';
import { loadText } from './load.ts';

function config(text: string): Config {
  return loadText(text, 'test.yaml');
}

const BEFORE = config(`
listeners: { main: { listen: "127.0.0.1:1", routes: [{ prefix: "", upstream: a }] } }
upstreams: { a: { kind: shards, servers: ["h:1"] }, b: { kind: shards, servers: ["h:2"] } }
`);

test('a configuration read twice has no changes', () => {
  const none = { added: [], changed: [], removed: [] };
  assert.deepEqual(changesBetween(BEFORE, structuredClone(BEFORE)), {
    listeners: none,
    upstreams: none,
    admin: false,
    log: false,
  });
});

test('what was added, changed and removed is told by name', () => {
  const after = config(`
admin: { listen: "127.0.0.1:2" }
log: { level: debug }
listeners: { main: { listen: "127.0.0.1:1", routes: [{ prefix: "", upstream: c }] } }
upstreams: { a: { kind: shards, servers: ["h:1"], op_timeout: 2s }, c: { kind: shards, servers: ["h:2"] } }
`);
  assert.deepEqual(changesBetween(BEFORE, after), {
    listeners: { added: [], changed: ['main'], removed: [] },
    upstreams: { added: ['c'], changed: ['a'], removed: ['b'] },
    admin: true,
    log: true,
  });
});
