/** Mistakes of people and machines: one clear line, the right exit code, nothing else disturbed. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { until } from '../support/bounded.ts';
import { kept } from '../support/kept.ts';
import { freePort } from '../support/ports.ts';
import { startRedis } from '../support/redis.ts';
import { runTidegate, shards, startTidegate } from '../support/tidegate.ts';
import { makeCertificates } from '../support/tls.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tidegate-bad-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const server = kept(await startRedis({ password: 'right' }));

function fileOf(text: string): string {
  const file = path.join(folder, `${Math.random().toString(36).slice(2)}.yaml`);
  writeFileSync(file, text);
  return file;
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

const good = `listeners:
  main:
    listen: 127.0.0.1:0
    routes: [{ prefix: "", upstream: main }]
upstreams:
  main: { kind: shards, servers: [127.0.0.1:7001] }
`;

const faults: { what: string; text: string; line: number; says: RegExp[] }[] = [
  {
    what: 'an unknown key',
    text: good.replace('listen:', 'lisen:'),
    line: 3,
    says: [/lisen/, /listen/],
  },
  {
    what: 'an unknown key deep down',
    text: good.replace('upstream: main', 'upsteam: main'),
    line: 4,
    says: [/listeners\.main\.routes/, /upsteam/, /upstream/],
  },
  {
    what: 'a route to nowhere',
    text: good.replace('upstream: main', 'upstream: mian'),
    line: 4,
    says: [/mian/, /main/],
  },
  {
    what: 'a wrong kind',
    text: good.replace('shards', 'shrads'),
    line: 6,
    says: [/upstreams\.main\.kind/, /shrads/, /shards/],
  },
  {
    what: 'a wrong duration',
    text: good
      .replace(' }\n', ', op_timeout: soon }\n')
      .replace('upstream: main, op_timeout: soon }', 'upstream: main }'),
    line: 6,
    says: [/op_timeout/, /soon/],
  },
  {
    what: 'an address without a port',
    text: good.replace('127.0.0.1:7001', '127.0.0.1'),
    line: 6,
    says: [/servers/, /127\.0\.0\.1/],
  },
  {
    what: 'a port out of range',
    text: good.replace('127.0.0.1:7001', '127.0.0.1:70010'),
    line: 6,
    says: [/70010/],
  },
  {
    what: 'no upstreams',
    text: good.slice(0, good.indexOf('upstreams:')),
    line: 1,
    says: [/upstreams/],
  },
  { what: 'text that is no YAML', text: `${good}  - [unclosed\n`, line: 7, says: [/./] },
  {
    what: 'a file of a certificate that is not there',
    text: good.replace('    routes', '    tls: { cert: none.pem, key: none.key }\n    routes'),
    line: 4,
    says: [/tls/, /none\.pem/],
  },
  {
    what: 'a secret from an environment that lacks it',
    text: good.replace('servers:', 'password: { env: TIDEGATE_NOT_SET }, servers:'),
    line: 6,
    says: [/TIDEGATE_NOT_SET/],
  },
  {
    what: 'two prefixes alike',
    text: good.replace(
      '[{ prefix: "", upstream: main }]',
      '[{ prefix: a, upstream: main }, { prefix: a, upstream: main }]',
    ),
    line: 4,
    says: [/prefix/, /a/],
  },
  {
    what: 'a number where a list belongs',
    text: good.replace('[127.0.0.1:7001]', '5'),
    line: 6,
    says: [/servers/, /5/],
  },
  { what: 'an empty file', text: '', line: 1, says: [/./] },
];

for (const { what, text, line, says } of faults) {
  test(`${what}: check and serve name file, line, column and path, and exit with 2`, async () => {
    const file = fileOf(text);
    const [checked, served] = await Promise.all([
      runTidegate(['check', file]),
      runTidegate(['serve', '--config', file]),
    ]);
    assert.deepEqual([checked.code, served.code], [2, 2], served.stderr);
    const said = lines(checked.stdout + checked.stderr);
    const place = `${file}:${line}:`;
    assert.ok(
      said.some((one) => one.startsWith(place)),
      `${place} not in\n${said.join('\n')}`,
    );
    for (const one of said) assert.match(one, /^[^:]+:\d+:\d+ \S/);
    for (const wanted of says) assert.match(said.join('\n'), wanted);
    assert.ok(
      lines(served.stdout + served.stderr).some((one) => one.startsWith(place)),
      served.stderr,
    );
  });
}

test('all faults of a file are told at once', async () => {
  const text = good
    .replace('listen:', 'lisen:')
    .replace('shards', 'shrads')
    .replace('7001', '70010');
  const { stdout, stderr } = await runTidegate(['check', fileOf(text)]);
  const said = stdout + stderr;
  for (const word of ['lisen', 'shrads', '70010']) assert.ok(said.includes(word), said);
});

test('a file that is not there is named', async () => {
  const { code, stdout, stderr } = await runTidegate(['check', path.join(folder, 'none.yaml')]);
  assert.equal(code, 2);
  assert.match(stdout + stderr, /none\.yaml/);
});

for (const [what, args] of [
  ['an unknown option', ['serve', '--nonsense']],
  ['an unknown command', ['srve']],
  ['a check without a file', ['check']],
  ['an option without its value', ['serve', '--config']],
  ['a server without a port', ['serve', '--upstream', 'nowhere']],
  ['a wrong log level', ['serve', '--upstream', '127.0.0.1:7001', '--log-level', 'loud']],
] as const) {
  test(`${what}: one line on standard error, exit code 2`, async () => {
    const { code, stdout, stderr } = await runTidegate(args);
    assert.equal(code, 2, stderr);
    assert.equal(stdout, '');
    assert.equal(lines(stderr).length, 1, stderr);
  });
}

test('--version and --help answer on standard output with exit code 0', async () => {
  const [version, help, serve] = await Promise.all([
    runTidegate(['--version']),
    runTidegate(['--help']),
    runTidegate(['serve', '--help']),
  ]);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
  assert.match(help.stdout, /serve[\s\S]*check/);
  assert.match(serve.stdout, /--upstream/);
  assert.deepEqual([version.code, help.code, serve.code], [0, 0, 0]);
});

for (const door of ['listener', 'admin'] as const) {
  test(`a port that is taken (${door}): one line, exit code 1, and who has it is not disturbed`, async () => {
    await using taken = net.createServer((socket) => socket.end('still here\r\n'));
    const port = await freePort();
    await new Promise<void>((resolve) => {
      taken.listen(port, '127.0.0.1', resolve);
    });
    const listen = `127.0.0.1:${port}`;
    const config = shards([server.address], {}, door === 'listener' ? { listen } : {});
    await using gate = await startTidegate(
      door === 'admin' ? { ...config, admin: { listen } } : config,
      { wait: false },
    );
    const { code } = await gate.ended();
    assert.equal(code, 1, gate.logs);
    const said = lines(gate.stderr).filter((line) => line.includes(String(port)));
    assert.equal(said.length, 1, gate.logs);
    assert.doesNotMatch(gate.logs, /\n\s+at /);
  });
}

test('a taken port stops all workers, not only one of them', async () => {
  await using taken = net.createServer();
  const port = await freePort();
  await new Promise<void>((resolve) => {
    taken.listen(port, '127.0.0.1', resolve);
  });
  const config = { ...shards([server.address], {}, { listen: `127.0.0.1:${port}` }), workers: 2 };
  await using gate = await startTidegate(config, { wait: false });
  const { code } = await gate.ended();
  assert.equal(code, 1, gate.logs);
});

/** One line for an operator: that server, and why. */
function complaint(logs: string, why: RegExp): string[] {
  return lines(logs).filter((line) => line.includes(server.address) && why.test(line));
}

test('a wrong password for a server: the log says so without it, and other upstreams go on', async () => {
  await using other = await startRedis();
  await using gate = await startTidegate({
    listeners: {
      main: {
        routes: [
          { prefix: 'o:', upstream: 'other' },
          { prefix: '', upstream: 'main' },
        ],
      },
    },
    upstreams: {
      main: { kind: 'shards', servers: [server.address], password: 'wrong-secret' },
      other: { kind: 'shards', servers: [other.address] },
    },
  });
  await using wire = await gate.connect();
  for (let index = 0; index < 20; index++)
    assert.equal(await wire.ask('GET', 'k'), '-upstream failure\r\n');
  assert.equal(await wire.ask('SET', 'o:k', 'v'), '+OK\r\n');
  await until(
    () => complaint(gate.logs, /WRONGPASS|password|auth/i).length >= 1,
    `the log says so\n${gate.logs}`,
  );
  assert.ok(complaint(gate.logs, /./).length < 10, gate.logs);
  assert.doesNotMatch(gate.logs, /wrong-secret/);
  assert.equal(gate.exit, null);
});

test('a password that is missing: the log says what the server wants', async () => {
  await using gate = await startTidegate(shards([server.address]));
  await using wire = await gate.connect();
  assert.match(
    await wire.ask('GET', 'k'),
    /^-(upstream failure|NOAUTH Authentication required\.)\r\n$/,
  );
  await until(
    () => complaint(gate.logs, /NOAUTH|authenticat/i).length >= 1,
    `the log says so\n${gate.logs}`,
  );
});

test('a server that cannot be reached: the gateway starts, says so, and lives', async () => {
  const port = await freePort();
  await using gate = await startTidegate(shards([`127.0.0.1:${port}`]));
  await using wire = await gate.connect();
  assert.equal(await wire.ask('GET', 'k'), '-upstream failure\r\n');
  await until(
    () => lines(gate.logs).some((line) => line.includes(String(port)) && /refused/i.test(line)),
    `the log says so\n${gate.logs}`,
  );
  assert.equal(gate.exit, null);
});

test('a host name that does not exist: the log names it', async () => {
  await using gate = await startTidegate(shards(['no-such-host.invalid:6379']));
  await using wire = await gate.connect();
  assert.equal(await wire.ask('GET', 'k'), '-upstream failure\r\n');
  await until(() => gate.logs.includes('no-such-host.invalid'), `the log says so\n${gate.logs}`);
});

test('TLS towards a plain server: commands fail, the log says why, nothing hangs', async () => {
  await using gate = await startTidegate(
    shards([server.address], { tls: {}, connect_timeout: '500ms' }),
  );
  await using wire = await gate.connect();
  assert.equal(await wire.ask('GET', 'k'), '-upstream failure\r\n');
  await until(
    () => complaint(gate.logs, /tls|ssl|closed|reset/i).length >= 1,
    `the log says so\n${gate.logs}`,
  );
});

test('a plain link to a TLS port: commands fail, the log says why, nothing hangs', async () => {
  using certificates = await makeCertificates();
  await using secure = await startRedis({ tls: certificates });
  await using gate = await startTidegate(
    shards([`127.0.0.1:${secure.tlsPort}`], { connect_timeout: '500ms' }),
  );
  await using wire = await gate.connect();
  assert.equal(await wire.ask('GET', 'k'), '-upstream failure\r\n');
  await until(() => gate.logs.includes(String(secure.tlsPort)), `the log says so\n${gate.logs}`);
});
