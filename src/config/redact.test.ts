import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { makeCertificates } from '../../test/support/tls.ts';
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

test('secrets from files, and keys of external authentication, are secrets too', async () => {
  using certificates = await makeCertificates();
  const { ca, client, directory } = certificates;
  const file = path.join(directory, 'password');
  writeFileSync(file, 'hush5');
  const tls = `{ ca: ${ca}, cert: ${client.cert}, key: ${client.key} }`;
  const text = `listeners:
  main:
    listen: 127.0.0.1:1
    users: [{ name: a, password: { file: ${file} }, rate: 5/s }]
    external_auth: { grpc: "auth:9000", tls: ${tls} }
    routes: [{ prefix: "", upstream: main }]
upstreams:
  main:
    kind: shards
    servers: ["a:1"]
    password: { file: ${file} }
    credentials: [{ server: "a:1", password: hush6 }]`;
  const config = loadText(text, 'f.yaml');
  assert.match(JSON.stringify(config), /hush5[\s\S]*hush6|hush6[\s\S]*hush5/, 'they are there');
  const shown = JSON.stringify(redact(config));
  assert.doesNotMatch(shown, /hush|PRIVATE|BEGIN/);
  assert.match(shown, /"host":"auth"/);
});
