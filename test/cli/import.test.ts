/** An Envoy's bootstrap becomes a configuration of ours that does the same. */
import assert from 'node:assert/strict';
import { copyFileSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { loadText } from '../../src/config/load.ts';
import { createDistribution } from '../../src/routing/hash/distribution.ts';
import { type EnvoyDoor, envoyConfig } from '../peers/envoy.ts';
import { kept } from '../support/kept.ts';
import { freePort } from '../support/ports.ts';
import { startRedises } from '../support/redis.ts';
import { ROOT, runTidegate, startTidegate } from '../support/tidegate.ts';
import { makeCertificates } from '../support/tls.ts';
import { bulk, Wire } from '../support/wire.ts';

const EXAMPLES = path.join(ROOT, 'test/cli/envoy');
/** Depends on the machine: which files and variables of the environment are there. */
const LEFT = /^the file written, .*\n/gm;

const folder = mkdtempSync(path.join(tmpdir(), 'tidegate-import-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const servers = kept(await startRedises(3));

interface Imported {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function importText(text: string): Promise<Imported> {
  writeFileSync(path.join(folder, 'envoy.yaml'), text);
  return await runTidegate(['import', 'envoy.yaml'], { cwd: folder });
}

async function importValue(bootstrap: object): Promise<string> {
  const { code, stdout, stderr } = await importText(JSON.stringify(bootstrap));
  assert.equal(code, 0, stderr);
  // Processes of tests are heard byte by byte.
  return Buffer.from(stdout, 'latin1').toString();
}

for (const name of ['ring.yaml', 'routes.yaml', 'cluster.json']) {
  test(`${name} becomes what stands beside it, and what is lost is told`, async () => {
    const { code, stdout, stderr } = await runTidegate(['import', name], { cwd: EXAMPLES });
    const expected = (ending: string): string =>
      readFileSync(path.join(EXAMPLES, `${path.parse(name).name}.expected.${ending}`), 'utf8');
    assert.equal(code, 0);
    assert.equal(stdout, expected('yaml'));
    assert.equal(stderr.replace(LEFT, ''), expected('txt'));
  });
}

const WRITTEN = globSync('*.expected.yaml', { cwd: EXAMPLES }).sort();

test('every written file passes check once the files and variables it names are there', async () => {
  using certificates = await makeCertificates();
  assert.equal(WRITTEN.length, 3);
  for (const name of WRITTEN) {
    const text = readFileSync(path.join(EXAMPLES, name), 'utf8');
    const file = path.join(folder, name);
    const sources = { cert: certificates.server.cert, key: certificates.server.key };
    const given = text.replace(
      /^( *(?:- )?)(cert|key|client_ca|ca|file): (\S*[/.]\S*)$/gm,
      (_line, indent: string, field: string, from: string) => {
        const to = path.join(folder, path.basename(from));
        copyFileSync(field === 'cert' || field === 'key' ? sources[field] : certificates.ca, to);
        return `${indent}${field}: ${to}`;
      },
    );
    writeFileSync(file, given);
    const names = [...text.matchAll(/^ *(?:- )?env: (\w+)$/gm)].map(([, variable]) => variable!);
    const env = Object.fromEntries(names.map((variable) => [variable, `of ${variable}`]));
    const { code, stdout, stderr } = await runTidegate(['check', file], { env });
    assert.deepEqual([code, stdout, stderr], [0, `${file}: ok\n`, ''], name);
  }
});

test('what check would say of a written file is only what is missing on the machine', async () => {
  for (const name of ['ring.yaml', 'routes.yaml', 'cluster.json']) {
    const { stderr } = await runTidegate(['import', name], { cwd: EXAMPLES });
    for (const [line] of stderr.matchAll(LEFT)) {
      assert.match(
        line,
        /: (file \S+ cannot be read: no such file|environment variable \w+ is not set)\n$/,
      );
    }
  }
});

test('a bootstrap that needs nothing else becomes a file without fault', async () => {
  const { stdout, stderr } = await runTidegate(['import', 'ring.yaml'], { cwd: EXAMPLES });
  const config = loadText(stdout, 'imported.yaml');
  assert.deepEqual(Object.keys(config.upstreams), ['redis_cluster']);
  assert.doesNotMatch(stderr, LEFT);
});

const REDIS_PROXY =
  'type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProxy';

/** One listener; `proxy` and `cluster` are added to what must be there. */
function bootstrap(proxy: object, ...clusters: readonly object[]): object {
  const typed = {
    '@type': REDIS_PROXY,
    stat_prefix: 'p',
    settings: { op_timeout: '1s' },
    prefix_routes: { catch_all_route: { cluster: 'main' } },
    ...proxy,
  };
  const address = { socket_address: { address: '127.0.0.1', port_value: 6379 } };
  return {
    static_resources: {
      listeners: [
        {
          name: 'main',
          address,
          filter_chains: [{ filters: [{ name: 'envoy.redis_proxy', typed_config: typed }] }],
        },
      ],
      clusters: clusters.length === 0 ? [cluster('main')] : clusters,
    },
  };
}

function cluster(name: string, port = 7001, rest: object = {}): object {
  const endpoint = { address: { socket_address: { address: '127.0.0.1', port_value: port } } };
  return {
    name,
    type: 'STATIC',
    lb_policy: 'RING_HASH',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] },
    ...rest,
  };
}

const WRONG: readonly [what: string, text: string, told: RegExp][] = [
  ['no mapping', '[]', /^tidegate: envoy\.yaml: is no Envoy bootstrap: found no mapping\n$/],
  ['another file', 'listeners: {}', /: is no Envoy bootstrap: static_resources is missing\n$/],
  ['broken YAML', 'static_resources: [', /^envoy\.yaml:1:\d+ yaml: /],
  [
    'no redis_proxy',
    'static_resources: { listeners: [] }',
    /: has no listener with a redis_proxy\n$/,
  ],
];

for (const [what, text, told] of WRONG) {
  test(`${what} ends with 2, one clear line and no output`, async () => {
    const { code, stdout, stderr } = await importText(text);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, told);
    assert.equal(stderr.split('\n').length, 2, stderr);
  });
}

test('a file that is not there ends with 2', async () => {
  const { code, stderr } = await runTidegate(['import', '/not/there']);
  assert.deepEqual([code, stderr], [2, 'tidegate: /not/there: cannot be read: no such file\n']);
});

test('every field that nobody knows is told with its place', async () => {
  const odd = cluster('main', 7001, {
    lunch: true,
    health_checks: [{ interval: '1s', dinner: 1 }],
  });
  const { code, stderr } = await importText(
    JSON.stringify(bootstrap({ breakfast: {} }, odd), null, 2),
  );
  assert.equal(code, 0);
  for (const place of ['clusters[0].lunch', 'health_checks[0].dinner', 'typed_config.breakfast']) {
    const line = stderr.split('\n').find((each) => each.includes(`${place}: `));
    assert.match(
      line ?? '',
      /^envoy\.yaml:\d+:\d+ static_resources\.\S+: no equivalent: left out$/,
    );
  }
});

test('values of a wrong type are told and left out, and do not end the import', async () => {
  const odd = cluster('main', 7001, { connect_timeout: 'soon', outlier_detection: 5 });
  const proxy = { downstream_auth_passwords: 'p', custom_commands: {} };
  const { code, stderr } = await importText(JSON.stringify(bootstrap(proxy, odd)));
  assert.equal(code, 0);
  assert.match(stderr, /connect_timeout: is not a duration such as 0\.5s: left out/);
  assert.match(stderr, /outlier_detection: is no mapping: left out/);
  assert.match(stderr, /downstream_auth_passwords: is no list: left out/);
  assert.match(stderr, /custom_commands: is not a list: left out/);
});

test('a route to a cluster that the file does not have is told', async () => {
  const routes = { prefix_routes: { catch_all_route: { cluster: 'elsewhere' } } };
  const { stderr } = await importText(JSON.stringify(bootstrap(routes)));
  assert.match(stderr, /catch_all_route\.cluster: no cluster of the file is called "elsewhere"/);
  assert.match(stderr, /the file written, upstreams: found an empty mapping/);
});

test('a cluster used with two settings becomes two upstreams', async () => {
  const once = bootstrap({}) as { static_resources: { listeners: object[] } };
  const other = bootstrap({ settings: { op_timeout: '2s' } }) as typeof once;
  const [first] = once.static_resources.listeners;
  const second = { ...other.static_resources.listeners[0], name: 'other' };
  const address = { socket_address: { address: '127.0.0.1', port_value: 6380 } };
  once.static_resources.listeners = [first!, { ...second, address }];
  const config = loadText(await importValue(once), 'imported.yaml');
  assert.deepEqual(
    Object.entries(config.upstreams).map(([name, each]) => [name, each.opTimeoutMs]),
    [
      ['main', 1000],
      ['main-2', 2000],
    ],
  );
  assert.equal(config.listeners['other']?.routes[0]?.upstream, 'main-2');
});

test('durations, numbers and secrets are read as Envoy reads them', async () => {
  const file = path.join(folder, 'secret');
  writeFileSync(file, 'from a file\n');
  const protocol = {
    'envoy.filters.network.redis_proxy': { auth_password: { filename: file } },
  };
  const odd = cluster('main', 7001, {
    connect_timeout: { seconds: 1, nanos: 250_000_000 },
    ring_hash_lb_config: { minimum_ring_size: '2048' },
    typed_extension_protocol_options: protocol,
    outlier_detection: { consecutive_5xx: 0 },
  });
  const proxy = {
    settings: { op_timeout: '0.0005s', enable_hashtagging: true },
    downstream_auth_passwords: [{ inline_bytes: Buffer.from('pä').toString('base64') }],
  };
  const config = loadText(await importValue(bootstrap(proxy, odd)), path.join(folder, 'i.yaml'));
  const main = config.upstreams['main']!;
  assert.deepEqual(
    [main.connectTimeoutMs, main.opTimeoutMs, main.ring.minimumSize, main.hashTags],
    [1250, 1, 2048, true],
  );
  const password = { text: 'from a file', file };
  assert.deepEqual(main.servers[0]?.auth, { username: null, password });
  assert.equal(main.outlierDetection, null);
  assert.deepEqual(main.retry.reads, 0);
  assert.deepEqual(config.listeners['main']?.users[0]?.passwords, [{ text: 'pä', file: null }]);
});

test('the file of a real placement puts every key where Envoy puts it', async () => {
  const doors: EnvoyDoor[] = [
    {
      servers: Array.from(servers, ({ port }, index) => ({ port, weight: index + 1 })),
      policy: 'RING_HASH',
      minimumRingSize: 512,
      ringHash: 'MURMUR_HASH_2',
      hashTags: true,
    },
    { servers: Array.from(servers, ({ port }) => ({ port })), policy: 'MAGLEV' },
  ];
  const ports = [await freePort(), await freePort()];
  await using gate = await startTidegate(await importValue(envoyConfig(doors, ports)));
  await gate.ready();
  const shares = servers.addresses.map((key, index) => ({ key, weight: index + 1 }));
  const expected = [
    createDistribution('ketama', shares, {
      minimumRingSize: 512,
      ringHash: 'murmur2',
      hashTags: true,
    }),
    createDistribution(
      'maglev',
      shares.map(({ key }) => ({ key, weight: 1 })),
    ),
  ];
  for (const [door, port] of ports.entries()) {
    await servers.flush();
    await using wire = await Wire.connect({ port });
    const keys = Array.from({ length: 300 }, (_none, index) => `{tag${index}}:door${door}`);
    await wire.expect('+OK\r\n', 'MSET', ...keys.flatMap((key) => [key, key]));
    for (const key of keys) {
      const bytes = Buffer.from(key);
      const server = servers[expected[door]!.pick(bytes, 0, bytes.length)]!;
      assert.equal(await server.ask('GET', key), bulk(key), key);
    }
  }
});

test('routes, users and mirrors of an imported file do what they did', async () => {
  const [one, two, three] = servers;
  const proxy = {
    downstream_auth_passwords: [{ inline_string: 'first' }, { inline_string: 'second' }],
    prefix_routes: {
      routes: [{ prefix: 'cut:', remove_prefix: true, cluster: 'two', key_formatter: 'a:%KEY%' }],
      catch_all_route: {
        cluster: 'one',
        request_mirror_policy: [{ cluster: 'three', exclude_read_commands: true }],
      },
    },
  };
  const clusters = [
    cluster('one', one!.port),
    cluster('two', two!.port),
    cluster('three', three!.port),
  ];
  const listen = `127.0.0.1:${await freePort()}`;
  const written = (await importValue(bootstrap(proxy, ...clusters))).replace(
    '127.0.0.1:6379',
    listen,
  );
  await using gate = await startTidegate(written);
  await using wire = await gate.connect({ auth: ['second'] });
  await servers.flush();
  await wire.expect('+OK\r\n', 'SET', 'cut:k', 'v');
  await wire.expect('+OK\r\n', 'SET', 'plain', 'w');
  assert.equal(await two!.ask('GET', 'a:k'), bulk('v'));
  assert.equal(await one!.ask('GET', 'plain'), bulk('w'));
  assert.equal(await three!.ask('GET', 'plain'), bulk('w'));
});
