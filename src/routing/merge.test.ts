import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandOf } from '../../test/support/sinks.ts';
import { decode, type Value as Read } from '../../test/support/wire.ts';
import { ByteQueue } from '../core/bytes.ts';
import { encodeValue } from '../resp/encoder.ts';
import { linkError } from '../resp/errors.ts';
import type { Protocol } from '../resp/types.ts';
import type { Value } from '../resp/value.ts';
import { mergerOf } from './merge.ts';
import { Poll } from './poll.ts';

/** A reply of a server: bytes, a value, or no answer at all. */
type Said = string | Value | typeof LOST;
const LOST: unique symbol = Symbol('lost');

/** What becomes of the replies; of a server that is asked several things they stand one after the other. */
function joined(line: string, replies: readonly Said[], protocol: Protocol = 2): string {
  const command = commandOf(...line.split(' '));
  command.protocol = protocol;
  assert.ok(command.spec.merge !== null, line);
  const merger = mergerOf(command, command.spec.merge, null);
  let joint = '';
  const poll = new Poll(replies.length, (done) => {
    const out = new ByteQueue();
    merger.write(done, out);
    joint = out.bytes.toString('latin1', 0, out.length);
  });
  for (const [at, said] of [...replies.entries()].reverse()) {
    if (said === LOST) poll.sink(at).fail(linkError('closed', 'lost'));
    else {
      const bytes = typeof said === 'string' ? Buffer.from(said) : bytesOf(said, protocol);
      poll.sink(at).reply(bytes, 0, bytes.length);
      bytes.fill('#');
    }
  }
  return joint;
}

function bytesOf(value: Value, protocol: Protocol): Buffer {
  const out = new ByteQueue();
  encodeValue(out, value, protocol);
  return Buffer.from(out.bytes.subarray(0, out.length));
}

function read(line: string, replies: readonly Said[], protocol: Protocol = 2): Read {
  return decode(joined(line, replies, protocol));
}

test('numbers are added beyond 2^53 too', () => {
  assert.equal(joined('DBSIZE', [1, 2, 3]), ':6\r\n');
  assert.equal(joined('DBSIZE', [2n ** 62n, 1]), `:${2n ** 62n + 1n}\r\n`);
  assert.equal(joined('LASTSAVE', [30, 10, 20]), ':10\r\n');
});

test('a script exists where all servers have it', () => {
  assert.equal(
    joined('SCRIPT EXISTS a b c', [
      [1, 1, 0],
      [1, 0, 0],
    ]),
    '*3\r\n:1\r\n:0\r\n:0\r\n',
  );
});

test('lists are put together, empty and null ones too, in the type they came in', () => {
  const [a, b] = [Buffer.from('a'), Buffer.from('b')];
  assert.equal(joined('KEYS *', [[a], [], [b]]), '*2\r\n$1\r\na\r\n$1\r\nb\r\n');
  assert.equal(joined('KEYS *', ['*-1\r\n', [b]]), '*1\r\n$1\r\nb\r\n');
  assert.equal(joined('KEYS *', [{ set: [a] }, { set: [b] }], 3), '~2\r\n$1\r\na\r\n$1\r\nb\r\n');
});

test('a server that fails makes the whole fail, whatever the others say', () => {
  for (const line of ['DBSIZE', 'KEYS *', 'FLUSHALL', 'SCRIPT EXISTS a', 'INFO', 'CONFIG GET a']) {
    assert.equal(joined(line, [LOST, LOST]), '-finished with 2 error(s)\r\n', line);
    assert.equal(joined(line, [1, LOST, '-LOADING x\r\n']), '-finished with 2 error(s)\r\n', line);
  }
  assert.equal(joined('RANDOMKEY', [LOST, LOST, 1, null]), '-finished with 1 error(s)\r\n');
});

test('a refusal that all servers word alike is passed on', () => {
  const refusals = ['-ERR syntax error\r\n', '-ERR syntax error\r\n'];
  assert.equal(joined('FLUSHALL NOW', refusals), '-ERR syntax error\r\n');
  assert.equal(joined('FLUSHALL', ['-ERR a\r\n', '-ERR b\r\n']), '-finished with 2 error(s)\r\n');
});

test('a reply of another kind is a fault of the protocol, not a guess', () => {
  assert.equal(joined('DBSIZE', [1, { status: 'OK' }]), '-upstream protocol error\r\n');
  assert.equal(joined('SCRIPT EXISTS a', [[1], [1, 1]]), '-upstream protocol error\r\n');
  assert.equal(joined('KEYS *', [[], 1]), '-upstream protocol error\r\n');
  assert.equal(joined('SLOWLOG GET', [[], 1]), '-upstream protocol error\r\n');
});

test('one server that stops its script is enough, and an error that tells something is preferred', () => {
  const idle = '-NOTBUSY No scripts in execution right now.\r\n';
  assert.equal(joined('SCRIPT KILL', [idle, { status: 'OK' }, LOST]), '+OK\r\n');
  assert.equal(joined('SCRIPT KILL', [idle, idle]), idle);
  assert.equal(joined('SCRIPT KILL', [idle, '-UNKILLABLE x\r\n']), '-UNKILLABLE x\r\n');
  assert.equal(joined('FUNCTION KILL', [idle, LOST]), '-upstream failure\r\n');
});

test('what all servers should have alike is said once, in whatever order they list it', () => {
  const [a, b] = [[Buffer.from('a'), []] as Value, [Buffer.from('b'), []] as Value];
  const list = (...libraries: Value[]): Value => libraries;
  assert.deepEqual(read('FUNCTION LIST', [list(a, b), list(b, a)]), [
    ['a', []],
    ['b', []],
  ]);
  assert.match(
    joined('FUNCTION LIST', [list(a), list(a, b)]),
    /^-ERR the servers .* 'function list'/,
  );
  const [first, second] = [Buffer.from('dump 1'), Buffer.from('dump 2')];
  assert.equal(read('FUNCTION DUMP', [list(a, b), first, list(b, a), second]), 'dump 1');
  assert.match(joined('FUNCTION DUMP', [list(a), first, list(b), second]), /^-ERR the servers/);
});

test('words in a list of words have their places', () => {
  const [a, b] = [Buffer.from('a'), Buffer.from('b')];
  assert.match(
    joined('ACL USERS', [
      [a, b],
      [b, a],
    ]),
    /^-ERR the servers/,
  );
});

test('RANDOMKEY takes a server as often as it has keys', () => {
  const keys = ['a', 'b', 'c'].map((name) => Buffer.from(name));
  const counts: Record<string, number> = { a: 0, b: 0, c: 0 };
  for (let i = 0; i < 4000; i++) {
    counts[String(read('RANDOMKEY', [100, keys[0]!, 300, keys[1]!, 0, null, 600, keys[2]!]))]!++;
  }
  for (const [name, share] of Object.entries({ a: 400, b: 1200, c: 2400 })) {
    assert.ok(Math.abs(counts[name]! - share) < 160, JSON.stringify(counts));
  }
  assert.equal(joined('RANDOMKEY', [0, null, 0, null]), '$-1\r\n');
  assert.equal(joined('RANDOMKEY', [0, null, 0, null], 3), '_\r\n');
  assert.equal(read('RANDOMKEY', [1, null, 0, Buffer.from('new')]), 'new');
});

test('CONFIG GET names each setting once, with the value of the first server', () => {
  const [one, two] = [
    {
      map: [
        ['a', '1'],
        ['b', '2'],
      ],
    },
    {
      map: [
        ['b', '3'],
        ['c', '4'],
      ],
    },
  ] as unknown as Value[];
  assert.deepEqual(read('CONFIG GET *', [one!, two!]), ['a', '1', 'b', '2', 'c', '4']);
  assert.match(joined('CONFIG GET *', [one!, two!], 3), /^%3\r\n/);
});

test('SLOWLOG GET has the newest of all servers, as many as were asked for', () => {
  const entry = (id: number, time: number): Value => [id, time, 5, [Buffer.from('GET')], '', ''];
  const servers: Value[] = [
    [entry(9, 300), entry(8, 100)],
    [entry(4, 200), entry(3, 100)],
  ];
  const ids = (line: string): unknown[] => (read(line, servers) as Read[][]).map(([id]) => id);
  assert.deepEqual(ids('SLOWLOG GET'), [9, 4, 8, 3]);
  assert.deepEqual(ids('SLOWLOG GET 2'), [9, 4]);
  assert.deepEqual(ids('SLOWLOG GET -1'), [9, 4, 8, 3]);
  assert.deepEqual(ids('SLOWLOG GET 0'), []);
});

test('LATENCY LATEST and HISTORY are of all servers', () => {
  const servers: Value[] = [
    [
      ['command', 100, 7, 90],
      ['fork', 50, 1, 1],
    ] as Value,
    [['command', 200, 5, 40]] as Value,
  ];
  assert.deepEqual(read('LATENCY LATEST', servers), [
    ['command', 200, 5, 90],
    ['fork', 50, 1, 1],
  ]);
  const samples: Value[] = [
    [
      [1, 10],
      [4, 40],
    ] as Value,
    [[2, 20]] as Value,
  ];
  assert.deepEqual(read('LATENCY HISTORY x', samples), [
    [1, 10],
    [2, 20],
    [4, 40],
  ]);
});

test('a graph is shown of the servers that have samples', () => {
  const none = "-ERR No samples available for event 'command'\r\n";
  assert.equal(read('LATENCY GRAPH command', [none, Buffer.from('a graph')]), 'a graph');
  assert.equal(joined('LATENCY GRAPH command', [none, none]), none);
  assert.equal(joined('LATENCY GRAPH command', [LOST, none]), '-finished with 2 error(s)\r\n');
});

test('histograms are added bucket by bucket, though servers leave some out', () => {
  const server = (calls: number, ...pairs: [number, number][]): Value => ({
    map: [
      [
        'get',
        {
          map: [
            ['calls', calls],
            ['histogram_usec', { map: pairs }],
          ],
        },
      ],
    ],
  });
  const servers = [server(10, [1, 3], [8, 10]), server(5, [2, 1], [8, 4], [16, 5])];
  assert.deepEqual(read('LATENCY HISTOGRAM', servers), [
    'get',
    ['calls', 15, 'histogram_usec', [1, 3, 2, 4, 8, 14, 16, 15]],
  ]);
  assert.match(joined('LATENCY HISTOGRAM', servers, 3), /^%1\r\n\$3\r\nget\r\n%2\r\n/);
});

test('ROLE adds offsets and lists the replicas of all; one that is no primary speaks for all', () => {
  const replica = (port: string): Value => ['127.0.0.1', port, '7'];
  assert.deepEqual(
    read('ROLE', [
      ['master', 5, [replica('1')]],
      ['master', 6, [replica('2')]],
    ]),
    [
      'master',
      11,
      [
        ['127.0.0.1', '1', '7'],
        ['127.0.0.1', '2', '7'],
      ],
    ],
  );
  const loading: Value = ['slave', 'h', 1, 'sync', -1];
  assert.deepEqual(read('ROLE', [['master', 5, []], loading]), ['slave', 'h', 1, 'sync', -1]);
});

test('MEMORY STATS adds bytes and computes shares anew, in both protocols', () => {
  const server = (used: number, keys: number, ratio: number): Value => ({
    map: [
      ['total.allocated', used],
      ['startup.allocated', 100],
      ['db.0', { map: [['overhead.hashtable.main', 8]] }],
      ['keys.count', keys],
      ['keys.bytes-per-key', 1],
      ['peak.allocated', used * 2],
      ['peak.percentage', { double: 1 }],
      ['fragmentation', { double: ratio }],
    ],
  });
  const text = read('MEMORY STATS', [server(300, 10, 2), server(100, 30, 6)]) as Read[];
  assert.deepEqual(text, [
    ...['total.allocated', 400, 'startup.allocated', 200],
    ...['db.0', ['overhead.hashtable.main', 16]],
    ...['keys.count', 40, 'keys.bytes-per-key', 5],
    ...['peak.allocated', 800, 'peak.percentage', '50', 'fragmentation', '3'],
  ]);
  const typed = joined('MEMORY STATS', [server(300, 10, 2), server(100, 30, 6)], 3);
  assert.match(typed, /^%8\r\n.*\$4\r\ndb\.0\r\n%1\r\n.*,50\r\n/s);
});

test('FUNCTION STATS tells of the script that runs, and what every server has', () => {
  const script: Value = {
    map: [
      ['name', 'f'],
      ['duration_ms', 9],
    ],
  };
  const server = (running: Value, libraries: number): Value => ({
    map: [
      ['running_script', running],
      ['engines', { map: [['LUA', { map: [['libraries_count', libraries]] }]] }],
    ],
  });
  assert.deepEqual(read('FUNCTION STATS', [server(null, 2), server(script, 1)]), [
    'running_script',
    ['name', 'f', 'duration_ms', 9],
    'engines',
    ['LUA', ['libraries_count', 1]],
  ]);
});

test('reports that differ are shown one after the other', () => {
  assert.equal(read('MEMORY DOCTOR', [Buffer.from('fine'), Buffer.from('fine')]), 'fine');
  assert.equal(
    read('MEMORY DOCTOR', [Buffer.from('fine\n'), Buffer.from('bad')]),
    '# Server 0\nfine\n\n# Server 1\nbad\n',
  );
});
