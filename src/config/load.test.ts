import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { Config, ListenerConfig, UpstreamConfig } from './config.ts';
import { ConfigError } from './faults.ts';
import { loadFile, loadText } from './load.ts';

const GOOD = `listeners:
  main:
    listen: 127.0.0.1:6380
    routes: [{ prefix: "", upstream: main }]
upstreams:
  main:
    kind: shards
    servers: [127.0.0.1:7001]
`;

function faultsOf(text: string): string[] {
  try {
    loadText(text, 'f.yaml');
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message.split('\n');
  }
  return [];
}

/** GOOD with lines added to its upstream. */
function upstream(lines: string): string {
  return `${GOOD}${lines.replace(/^(?=.)/gm, '    ')}\n`;
}

/** GOOD with lines added to its listener. */
function listener(lines: string): string {
  return GOOD.replace('upstreams:', `${lines.replace(/^(?=.)/gm, '    ')}\nupstreams:`);
}

function mainOf(config: Config): { listener: ListenerConfig; upstream: UpstreamConfig } {
  const [main] = Object.values(config.listeners);
  const [behind] = Object.values(config.upstreams);
  return { listener: main!, upstream: behind! };
}

test('a small file gets every default, normalised', () => {
  const config = loadText(GOOD, 'f.yaml');
  const main = mainOf(config);
  assert.deepEqual(
    [config.workers, config.log, config.admin],
    [1, { level: 'info', format: 'json' }, null],
  );
  assert.deepEqual(main.listener.limits, {
    maxBulkBytes: 536_870_912,
    maxElements: 1_048_576,
    maxInlineBytes: 65_536,
    maxPipeline: 4096,
    maxInFlightBytes: 67_108_864,
    maxOutputBufferBytes: 268_435_456,
  });
  const { servers, ...rest } = main.upstream;
  assert.deepEqual(
    servers.map(({ weight, auth }) => [weight, auth]),
    [[1, null]],
  );
  assert.deepEqual(rest, {
    kind: 'shards',
    distribution: 'ketama',
    ring: { minimumSize: 1024, hash: 'xxhash64' },
    hashTags: false,
    database: 0,
    tls: null,
    connections: 1,
    dedicatedMax: 256,
    connectTimeoutMs: 5000,
    opTimeoutMs: 1000,
    flush: { maxBytes: 0, timeoutMs: 3 },
    connectionRate: null,
    healthCheck: null,
    outlierDetection: null,
    retry: { reads: 1, backoffMs: 20 },
    limits: {
      maxPending: 65_536,
      maxPendingBytes: 67_108_864,
      maxReplyBytes: 536_870_912,
      maxNesting: 128,
    },
    cluster: null,
    sentinel: null,
    embedded: null,
  });
});

test('an empty mapping turns checks on with their defaults', () => {
  const { upstream: main } = mainOf(
    loadText(upstream('health_check: {}\noutlier_detection: {}'), 'f.yaml'),
  );
  assert.deepEqual(main.healthCheck, {
    intervalMs: 1000,
    timeoutMs: 500,
    unhealthyThreshold: 3,
    healthyThreshold: 2,
    key: '',
  });
  assert.deepEqual(main.outlierDetection, {
    consecutiveFailures: 5,
    baseEjectionMs: 30_000,
    maxEjectionMs: 300_000,
    maxEjectionPercent: 10,
  });
});

test('credentials go to the server they name, the others get those of the upstream', () => {
  const text = GOOD.replace('[127.0.0.1:7001]', '[a:1=2, b:1]').concat(
    '    username: app\n    password: one\n    credentials: [{ server: b:1, password: two }]\n',
  );
  const { upstream: main } = mainOf(loadText(text, 'f.yaml'));
  assert.deepEqual(
    main.servers.map((server) => server.auth),
    [
      { username: 'app', password: { text: 'one', file: null } },
      { username: null, password: { text: 'two', file: null } },
    ],
  );
});

test('a service has what a cluster has, its name and more than one database', () => {
  const text = GOOD.replace('shards\n', 'sentinel\n    service: m.y-1\n    database: 3\n');
  const { upstream: main } = mainOf(loadText(text, 'f.yaml'));
  assert.deepEqual([main.kind, main.database, main.cluster], ['sentinel', 3, null]);
  assert.equal(main.sentinel?.service, 'm.y-1');
  assert.equal(main.sentinel?.readPolicy, 'primary');
});

test('a cluster has its defaults, and credentials of nodes that are no seeds', () => {
  const text = GOOD.replace('shards\n', 'cluster\n').concat(
    '    password: one\n    credentials: [{ server: b:1, password: two }]\n',
  );
  const { upstream: main } = mainOf(loadText(text, 'f.yaml'));
  assert.equal(main.kind, 'cluster');
  const { credentials, ...cluster } = main.cluster!;
  assert.deepEqual(cluster, {
    readPolicy: 'primary',
    zone: '',
    redirectsMax: 5,
    topology: {
      refreshMs: 5000,
      timeoutMs: 3000,
      minIntervalMs: 1000,
      afterRedirects: 1,
      afterFailures: 5,
    },
    auth: { username: null, password: { text: 'one', file: null } },
  });
  assert.deepEqual(
    credentials.map(({ server, auth }) => [server.text, auth.password?.text]),
    [['b:1', 'two']],
  );
});

test('a user may have one password, several, or both', () => {
  const users = 'users: [{ name: a, password: x }, { name: b, password: x, passwords: [y, z] }]';
  const { listener: main } = mainOf(loadText(listener(users), 'f.yaml'));
  assert.deepEqual(
    main.users.map((user) => user.passwords.map(({ text }) => text)),
    [['x'], ['x', 'y', 'z']],
  );
});

test('aliases are followed, for values and for places', () => {
  const text = listener('users: [&a { name: a, pasword: x }, *a]');
  assert.deepEqual(
    faultsOf(text).map((line) => line.split(' ')[0]),
    ['f.yaml:5:16', 'f.yaml:5:24', 'f.yaml:5:27', 'f.yaml:5:27', 'f.yaml:5:41'],
  );
});

const WRONG: readonly [name: string, text: string, faults: readonly string[]][] = [
  [
    'an unknown key names the nearest known one, at its own place',
    upstream('op_timout: 1s'),
    ['f.yaml:9:5 upstreams.main.op_timout: unknown key, did you mean "op_timeout"?'],
  ],
  [
    'an unknown key unlike all others lists them',
    `${GOOD}log: { banana: 1 }\n`,
    ['f.yaml:9:8 log.banana: unknown key, allowed level or format'],
  ],
  [
    'a key of a later version is told from an unknown one',
    `${GOOD}caches: {}\n`,
    ['f.yaml:9:1 caches: not available in this version'],
  ],
  [
    'an engine in the process has no servers, and none of what is said of them',
    GOOD.replace('shards\n', 'embedded\n    op_timeout: 1s\n    ring: {}\n'),
    [
      'f.yaml:8:5 upstreams.main.op_timeout: says nothing of kind embedded: it belongs to kind shards, cluster or sentinel',
      'f.yaml:9:5 upstreams.main.ring: says nothing of kind embedded: it belongs to kind shards',
      'f.yaml:10:5 upstreams.main.servers: says nothing of kind embedded: it belongs to kind shards, cluster or sentinel',
    ],
  ],
  [
    'other kinds have nothing of an engine in the process',
    GOOD.replace('shards\n', 'shards\n    max_memory: 1mb\n    dir: ./data\n'),
    [
      'f.yaml:8:5 upstreams.main.max_memory: says nothing of kind shards: it belongs to kind embedded',
      'f.yaml:9:5 upstreams.main.dir: says nothing of kind shards: it belongs to kind embedded',
    ],
  ],
  [
    'several workers would each have an engine of their own',
    'workers: 2\nlisteners: { a: { listen: "127.0.0.1:1", routes: [{ prefix: "", upstream: main }] } }\nupstreams: { main: { kind: embedded } }\n',
    [
      'f.yaml:1:10 workers: found 2, allowed 1: the engine of upstreams.main is in one worker, and all clients must see it',
    ],
  ],
  [
    'two engines cannot keep their data in one folder, and other kinds need servers',
    'listeners: { a: { listen: "127.0.0.1:1", routes: [{ prefix: "", upstream: one }] } }\nupstreams:\n  one: { kind: embedded, dir: data, eviction: lru }\n  two: { kind: embedded, dir: ./data, notify_keyspace_events: Kq }\n  three: { kind: cluster }\n',
    [
      'f.yaml:3:47 upstreams.one.eviction: found "lru", allowed noeviction, allkeys-lru, allkeys-lfu, allkeys-random, volatile-lru, volatile-lfu, volatile-random or volatile-ttl',
      'f.yaml:4:31 upstreams.two.dir: "./data" is already used by upstreams.one.dir',
      'f.yaml:4:63 upstreams.two.notify_keyspace_events: found "Kq", allowed letters of Ag$lshzxeKEtmdn, or nothing',
      'f.yaml:5:3 upstreams.three.servers: is missing, allowed a list',
    ],
  ],
  [
    'what only shards have is a fault of a cluster',
    GOOD.replace(
      'shards\n',
      'cluster\n    distribution: ketama\n    ring: {}\n    hash_tags: true\n',
    ),
    ['distribution', 'ring', 'hash_tags'].map(
      (key, i) =>
        `f.yaml:${8 + i}:5 upstreams.main.${key}: says nothing of kind cluster: it belongs to kind shards`,
    ),
  ],
  [
    'what only a cluster has is a fault of shards',
    upstream('read_policy: any\ntopology: {}'),
    ['read_policy', 'topology'].map(
      (key, i) =>
        `f.yaml:${9 + i}:5 upstreams.main.${key}: says nothing of kind shards: it belongs to kind cluster or sentinel`,
    ),
  ],
  [
    'Sentinels are hosts without weights, and the service has a name',
    GOOD.replace('shards\n', 'sentinel\n').replace('[127.0.0.1:7001]', '[a:1=2, "unix:/s"]'),
    [
      'f.yaml:6:3 upstreams.main.service: is missing, needed with kind: sentinel: what the Sentinels call the primary',
      'f.yaml:8:15 upstreams.main.servers[0]: found a weight, allowed host:port: Sentinels',
      'f.yaml:8:22 upstreams.main.servers[1]: found a unix socket, allowed host:port: Sentinels',
    ],
  ],
  [
    'a service has a name of its kind, and other kinds have none',
    GOOD.replace('shards\n', 'sentinel\n    service: a b\n    distribution: ketama\n'),
    [
      'f.yaml:8:14 upstreams.main.service: found "a b", allowed letters, digits and . _ -',
      'f.yaml:9:5 upstreams.main.distribution: says nothing of kind sentinel: it belongs to kind shards',
    ],
  ],
  [
    'only Sentinels know services',
    GOOD.replace('shards\n', 'cluster\n    service: m\n'),
    [
      'f.yaml:8:5 upstreams.main.service: says nothing of kind cluster: it belongs to kind sentinel',
    ],
  ],
  [
    'seeds of a cluster are hosts without weights, and it has one database',
    GOOD.replace('shards\n', 'cluster\n    database: 1\n').replace(
      '[127.0.0.1:7001]',
      '[a:1=2, "unix:/s"]',
    ),
    [
      'f.yaml:8:15 upstreams.main.database: found 1, allowed 0: a cluster has one database',
      'f.yaml:9:15 upstreams.main.servers[0]: found a weight, allowed host:port: seeds of a cluster',
      'f.yaml:9:22 upstreams.main.servers[1]: found a unix socket, allowed host:port: seeds of a cluster',
    ],
  ],
  [
    'a wrong choice says what was found, what is allowed and what was meant',
    upstream('distribution: ketma'),
    [
      'f.yaml:9:19 upstreams.main.distribution: found "ketma", allowed ketama, maglev, modula or crc16; did you mean "ketama"?',
    ],
  ],
  [
    'a wrong duration shows the form',
    upstream('op_timeout: 5'),
    [
      'f.yaml:9:17 upstreams.main.op_timeout: found 5 (a number), allowed a duration such as 250ms, 5s, 2m or 1h, more than 0',
    ],
  ],
  [
    'a number out of range names the range',
    upstream('connections: 0'),
    [
      'f.yaml:9:18 upstreams.main.connections: found 0 (a number), allowed a whole number from 1 to 1024',
    ],
  ],
  [
    'a number where text belongs hints at quotes',
    upstream('username: 5\npassword: x'),
    [
      'f.yaml:9:15 upstreams.main.username: found 5 (a number), allowed text; put it in quotes to make it text',
    ],
  ],
  [
    'a key without a value is found to be nothing',
    upstream('flush:'),
    [
      'f.yaml:9:11 upstreams.main.flush: found nothing, allowed a mapping with max_bytes or timeout',
    ],
  ],
  [
    'what is missing is placed at what it is missing from',
    GOOD.replace('    kind: shards\n', ''),
    ['f.yaml:6:3 upstreams.main.kind: is missing, allowed shards, cluster, sentinel or embedded'],
  ],
  [
    'a mapping where a list belongs',
    GOOD.replace('[127.0.0.1:7001]', '{}'),
    ['f.yaml:8:14 upstreams.main.servers: found a mapping, allowed a list'],
  ],
  [
    'an empty list of servers',
    GOOD.replace('[127.0.0.1:7001]', '[]'),
    ['f.yaml:8:14 upstreams.main.servers: found an empty list, allowed a list with entries'],
  ],
  [
    'a name that cannot be one',
    GOOD.replace('  main:\n    listen', '  my main:\n    listen'),
    [
      'f.yaml:2:3 listeners.my main: found the name "my main", allowed a name of letters, digits and . _ - (at most 128)',
    ],
  ],
  [
    'a route to nowhere names the nearest upstream',
    GOOD.replace('upstream: main', 'upstream: mian'),
    [
      'f.yaml:4:38 listeners.main.routes[0].upstream: no upstream is called "mian", did you mean "main"?',
    ],
  ],
  [
    'a read upstream and a mirror to nowhere',
    GOOD.replace(
      'upstream: main',
      'upstream: main, read_upstream: far, mirror: [{ upstream: off }]',
    ),
    [
      'f.yaml:4:59 listeners.main.routes[0].read_upstream: no upstream is called "far", allowed main',
      'f.yaml:4:85 listeners.main.routes[0].mirror[0].upstream: no upstream is called "off", allowed main',
    ],
  ],
  [
    'the same prefix twice, in another case where case does not count',
    GOOD.replace(
      '[{ prefix: "", upstream: main }]',
      '[{ prefix: a, upstream: main }, { prefix: A, upstream: main }]\n    case_insensitive_prefixes: true',
    ),
    [
      'f.yaml:4:55 listeners.main.routes[1].prefix: "A" is already used by listeners.main.routes[0].prefix',
    ],
  ],
  [
    'the same address twice',
    `${GOOD}admin: { listen: 127.0.0.1:6380 }\n`,
    ['f.yaml:9:18 admin.listen: "127.0.0.1:6380" is already used by listeners.main.listen'],
  ],
  [
    'the same server twice, whatever its weight',
    GOOD.replace('[127.0.0.1:7001]', '[a:1, A:1=2]'),
    ['f.yaml:8:20 upstreams.main.servers[1]: "A:1=2" is already used by upstreams.main.servers[0]'],
  ],
  [
    'a weight of 0',
    GOOD.replace('[127.0.0.1:7001]', '[a:1=0]'),
    [
      'f.yaml:8:15 upstreams.main.servers[0]: found "a:1=0", allowed host:port, "[v6]:port" or unix:/path, with =weight behind it where wanted; a weight is a whole number above 0',
    ],
  ],
  [
    'credentials of a stranger',
    upstream('credentials: [{ server: b:1, password: x }]'),
    ['f.yaml:9:29 upstreams.main.credentials[0].server: b:1 is not one of upstreams.main.servers'],
  ],
  [
    'a user name without a password towards a server',
    upstream('username: app'),
    ['f.yaml:6:3 upstreams.main.password: is missing, needed beside username'],
  ],
  [
    'a user without a password',
    listener('users: [{ name: a }, { name: b, passwords: [] }]'),
    [
      'f.yaml:5:13 listeners.main.users[0].password: is missing: a user needs a password or passwords',
      'f.yaml:5:48 listeners.main.users[1].passwords: found an empty list, allowed a list with entries',
    ],
  ],
  [
    'the same user twice',
    listener('users: [{ name: a, password: x }, { name: a, password: y }]'),
    [
      'f.yaml:5:47 listeners.main.users[1].name: "a" is already used by listeners.main.users[0].name',
    ],
  ],
  [
    'a rule about commands that is none',
    listener('users: [{ name: a, password: x, commands: [get] }]'),
    [
      'f.yaml:5:48 listeners.main.users[0].commands[0]: found "get", allowed a rule such as +@all, -@dangerous, +get or -config|set',
    ],
  ],
  [
    'a key format without the key',
    GOOD.replace('upstream: main', 'upstream: main, key_format: "x"'),
    ['f.yaml:4:56 listeners.main.routes[0].key_format: found "x", allowed text around %KEY%'],
  ],
  [
    'an admin port for everyone without a token',
    `${GOOD}admin: { listen: 0.0.0.0:9901 }\n`,
    [
      'f.yaml:9:18 admin.listen: 0.0.0.0:9901 is reachable from other machines: set admin.token, or listen on 127.0.0.1',
    ],
  ],
  [
    'no listener and no upstream',
    'listeners: {}\nupstreams: {}\n',
    [
      'f.yaml:1:12 listeners: found an empty mapping, allowed at least one listener',
      'f.yaml:2:12 upstreams: found an empty mapping, allowed at least one upstream',
    ],
  ],
  [
    'an empty file',
    '# nothing\n',
    [
      'f.yaml:1:1 configuration: found nothing, allowed a mapping with workers, log, admin, listeners or upstreams',
    ],
  ],
  [
    'the same key twice',
    `${GOOD}workers: 1\nworkers: 2\n`,
    ['f.yaml:10:1 yaml: Map keys must be unique'],
  ],
  [
    'broken YAML is reported alone',
    'listeners: [1\nupstrems: 2\n',
    [
      'f.yaml:2:1 yaml: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
  ],
];

for (const [name, text, faults] of WRONG) {
  test(`fault: ${name}`, () => assert.deepEqual(faultsOf(text), faults));
}

test('every fault is reported at once, in the order of the file', () => {
  const text = `worker: 1\n${upstream('op_timeout: 1\nretry: { reads: 99 }\nusername: u')}`
    .replace('upstream: main', 'upstream: man')
    .concat('caches: {}\nworker: 2\n');
  const places = faultsOf(text).map((line) => line.split(':').slice(1, 3).join(':'));
  assert.deepEqual(
    places.map((place) => place.split(' ')[0]),
    ['1:1', '5:38', '7:3', '10:17', '11:21', '13:1', '14:1'],
  );
});

test('secrets come from the environment and from files beside the configuration', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tidegate-config-'));
  process.env['TIDEGATE_TEST_SECRET'] = 'from environment';
  try {
    writeFileSync(path.join(folder, 'secret'), 'from file\n\n');
    const users =
      'users: [{ name: a, password: { env: TIDEGATE_TEST_SECRET } }, { name: b, password: { file: secret } }]';
    writeFileSync(path.join(folder, 'f.yaml'), listener(users));
    const { listener: main } = mainOf(loadFile(path.join(folder, 'f.yaml')));
    // One line break is dropped, not two: the second belongs to the secret.
    assert.deepEqual(
      main.users.map((user) => user.passwords[0]),
      [
        { text: 'from environment', file: null },
        { text: 'from file\n', file: path.join(folder, 'secret') },
      ],
    );
  } finally {
    delete process.env['TIDEGATE_TEST_SECRET'];
    rmSync(folder, { recursive: true });
  }
});

test('a secret that is not there, is empty or is no secret says so and is never printed', () => {
  const secrets = [
    '{ env: TIDEGATE_NOT_SET }',
    '{ file: /not/there }',
    '""',
    '123456',
    '{ evn: X }',
  ];
  const users = secrets.map((secret, i) => `{ name: u${i}, password: ${secret} }`).join(', ');
  const reasons = faultsOf(listener(`users: [${users}]`)).map(
    (line) => line.split('password: ')[1],
  );
  const allowed = 'allowed text in quotes, {env: NAME} or {file: path}';
  assert.deepEqual(reasons, [
    'environment variable TIDEGATE_NOT_SET is not set',
    'file /not/there cannot be read: no such file',
    `is empty, ${allowed}`,
    `found a number, ${allowed}`,
    `found a mapping, ${allowed}`,
  ]);
});

test('a file that cannot be read is a fault of its own', () => {
  const reasonOf = (file: string): string => {
    try {
      loadFile(file);
    } catch (error) {
      return error instanceof ConfigError ? error.message : '';
    }
    return '';
  };
  assert.equal(reasonOf('/not/there.yaml'), '/not/there.yaml: cannot be read: no such file');
  assert.equal(reasonOf(tmpdir()), `${tmpdir()}: cannot be read: is a folder, not a file`);
});
