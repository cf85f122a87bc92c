import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { ConfigError } from '../../src/config/faults.ts';
import { loadText } from '../../src/config/load.ts';
import { type Certificates, makeCertificates } from '../support/tls.ts';

function load(files: Certificates, listenerTls: object, upstreamTls: object): unknown[] {
  const text = JSON.stringify({
    listeners: {
      main: { listen: '127.0.0.1:1', tls: listenerTls, routes: [{ prefix: '', upstream: 'main' }] },
    },
    upstreams: { main: { kind: 'shards', servers: ['a:1'], tls: upstreamTls } },
  });
  try {
    const config = loadText(text, path.join(files.directory, 'f.yaml'));
    const [listener] = Object.values(config.listeners);
    const [upstream] = Object.values(config.upstreams);
    return [listener?.tls, upstream?.tls];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.faults.map((fault) => `${fault.path}: ${fault.reason}`);
  }
}

test('certificates are read from beside the configuration', async () => {
  using files = await makeCertificates();
  const [listener, upstream] = load(
    files,
    { cert: 'server.pem', key: 'server.key', client_ca: 'ca.pem' },
    { ca: 'ca.pem', cert: 'client.pem', key: 'client.key', server_name: 'redis.internal' },
  );
  const pem = (name: string) => {
    const file = path.join(files.directory, name);
    return { path: file, pem: files.read(file).toString() };
  };
  assert.deepEqual(listener, {
    cert: pem('server.pem'),
    key: pem('server.key'),
    clientCa: pem('ca.pem'),
  });
  assert.deepEqual(upstream, {
    ca: pem('ca.pem'),
    cert: pem('client.pem'),
    key: pem('client.key'),
    serverName: 'redis.internal',
  });
});

test('files that are not there, are something else or do not belong together are faults', async () => {
  using files = await makeCertificates();
  writeFileSync(path.join(files.directory, 'broken.pem'), 'hello\n');
  const faults = load(
    files,
    { cert: 'server.pem', key: 'client.key' },
    { ca: 'none.pem', cert: 'broken.pem' },
  );
  assert.deepEqual(faults, [
    'listeners.main.tls.key: is not the private key of cert',
    'upstreams.main.tls.key: is missing, needed beside cert',
    'upstreams.main.tls.ca: file none.pem cannot be read: no such file',
    'upstreams.main.tls.cert: file broken.pem is not a PEM file with certificates: no certificate in it',
  ]);
});

test('a certificate in place of a key is a fault', async () => {
  using files = await makeCertificates();
  const [fault] = load(files, { cert: 'server.pem', key: 'server.pem' }, {});
  assert.match(
    String(fault),
    /^listeners\.main\.tls\.key: file server\.pem is not a PEM file with a private key: /,
  );
});
