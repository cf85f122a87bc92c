import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadText } from './load.ts';
import { redact } from './redact.ts';

test('no secret is left in what may be shown, and the rest is', () => {
  const text = `listeners:
  main:
    listen: 127.0.0.1:1
    users: [{ name: a, passwords: [hush1, hush2] }]
    routes: [{ prefix: "", upstream: main }]
upstreams:
  main: { kind: shards, servers: ["a:1"], username: u, password: hush3 }
admin: { token: hush4 }`;
  const shown = JSON.stringify(redact(loadText(text, 'f.yaml')));
  assert.doesNotMatch(shown, /hush/);
  assert.match(shown, /"passwords":\["\(hidden\)","\(hidden\)"\]/);
  assert.match(shown, /"opTimeoutMs":1000/);
});
