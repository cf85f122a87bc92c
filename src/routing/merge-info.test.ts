import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandOf } from '../../test/support/sinks.ts';
import { humanBytes, isNumber, sumOf } from './decimals.ts';
import { infoJoin } from './merge-info.ts';

const ABOUT = { section: 'Tidegate', fields: () => [['tidegate_version', '1']] as const };

function joined(words: string, ...servers: string[][]): string[] {
  const texts = servers.map((lines) => Buffer.from(lines.map((line) => `${line}\r\n`).join('')));
  const value = infoJoin(commandOf(...`INFO ${words}`.trim().split(' ')), ABOUT)(texts);
  assert.ok(typeof value === 'object' && value !== null && 'verbatim' in value);
  assert.ok(value.verbatim.endsWith('\r\n'));
  return value.verbatim.split('\r\n').slice(0, -1);
}

/** One section of two servers, without its title. */
function section(one: string[], two: string[]): string[] {
  return joined('x', ['# X', ...one], ['# X', ...two]).slice(1);
}

test('what is listed nowhere is added if it is a number, and else that of the first server', () => {
  assert.deepEqual(
    section(['a:1', 'b:1.50', 'c:x', 'd:9007199254740993'], ['a:2', 'b:2.25', 'c:y', 'd:1']),
    ['a:3', 'b:3.75', 'c:x', 'd:9007199254740994'],
  );
});

test('fractions keep their digits', () => {
  const [cpu, rate] = section(
    ['used_cpu_sys:0.100001', 'instantaneous_input_kbps:0.07'],
    ['used_cpu_sys:1.000020', 'instantaneous_input_kbps:1.05'],
  );
  assert.deepEqual([cpu, rate], ['used_cpu_sys:1.100021', 'instantaneous_input_kbps:1.12']);
});

test('names made of digits are names', () => {
  const lines = ['redis_git_sha1:00000000', 'redis_version:7.0.15', 'tcp_port:7001', 'run_id:12'];
  assert.deepEqual(
    section(lines, ['redis_git_sha1:00000000', 'tcp_port:7002', 'run_id:13']),
    lines,
  );
});

test('states are the worst, clocks the latest, flags up if one is', () => {
  const rows: [string, string, string, string][] = [
    ['rdb_last_bgsave_status', 'ok', 'err', 'err'],
    ['loading', '0', '1', '1'],
    ['uptime_in_seconds', '7', '9', '9'],
    ['rdb_last_save_time', '700', '600', '600'],
    ['expired_stale_perc', '1.00', '2.00', '1.50'],
    ['maxmemory', '100', '100', '200'],
    ['redis_mode', 'cluster', 'cluster', 'standalone'],
    ['latest_fork_usec', '5', '8', '8'],
  ];
  for (const [name, one, two, both] of rows) {
    assert.deepEqual(section([`${name}:${one}`], [`${name}:${two}`]), [`${name}:${both}`]);
  }
  assert.deepEqual(section(['maxmemory:100'], ['maxmemory:0']), ['maxmemory:0']);
});

test('sizes for people and ratios follow from the joint numbers', () => {
  const server = (used: number, rss: number): string[] => [
    `used_memory:${used}`,
    'used_memory_human:1B',
    `used_memory_rss:${rss}`,
    `used_memory_peak:${used * 2}`,
    'used_memory_peak_perc:99.00%',
    'mem_fragmentation_ratio:9.00',
  ];
  assert.deepEqual(section(server(1024 * 1024, 4_000_000), server(1024 * 1024, 2_291_456)), [
    'used_memory:2097152',
    'used_memory_human:2.00M',
    'used_memory_rss:6291456',
    'used_memory_peak:4194304',
    'used_memory_peak_perc:50.00%',
    'mem_fragmentation_ratio:3.00',
  ]);
});

test('every database has the keys of all servers, and a mean life of those that expire', () => {
  assert.deepEqual(
    section(
      ['db0:keys=10,expires=3,avg_ttl=1000', 'db2:keys=1,expires=0,avg_ttl=0'],
      ['db0:keys=5,expires=1,avg_ttl=5000', 'db7:keys=4,expires=0,avg_ttl=0'],
    ),
    [
      'db0:keys=15,expires=4,avg_ttl=2000',
      'db2:keys=1,expires=0,avg_ttl=0',
      'db7:keys=4,expires=0,avg_ttl=0',
    ],
  );
});

test('calls, errors and percentiles of commands are joined part by part', () => {
  assert.deepEqual(
    section(
      [
        'cmdstat_get:calls=3,usec=10,usec_per_call=3.33,rejected_calls=0,failed_calls=1',
        'errorstat_ERR:count=2',
        'latency_percentiles_usec_get:p50=1.003,p99=9.023',
      ],
      [
        'cmdstat_get:calls=1,usec=30,usec_per_call=30.00,rejected_calls=1,failed_calls=0',
        'errorstat_OOM:count=1',
        'latency_percentiles_usec_get:p50=2.007,p99=4.015',
      ],
    ),
    [
      'cmdstat_get:calls=4,usec=40,usec_per_call=10.00,rejected_calls=1,failed_calls=1',
      'errorstat_ERR:count=2',
      'latency_percentiles_usec_get:p50=2.007,p99=9.023',
      'errorstat_OOM:count=1',
    ],
  );
});

test('replicas of all servers are numbered through, and lines that are alike stand once', () => {
  assert.deepEqual(
    section(
      ['connected_slaves:2', 'slave0:ip=a', 'slave1:ip=b', 'module:name=m', 'module:name=n'],
      ['connected_slaves:1', 'slave0:ip=c', 'module:name=m'],
    ),
    [
      'connected_slaves:3',
      'slave0:ip=a',
      'slave1:ip=b',
      'module:name=m',
      'module:name=n',
      'slave2:ip=c',
    ],
  );
});

test('sections stay apart, in the order of the first server that has them', () => {
  assert.deepEqual(joined('memory', ['# A', 'a:1', '', '# B'], ['# B', 'b:1', '', '# C', 'a:5']), [
    '# A',
    'a:1',
    '',
    '# B',
    'b:1',
    '',
    '# C',
    'a:5',
  ]);
});

test('the door has a section of its own where all are asked for, or that one', () => {
  const own = ['', '# Tidegate', 'tidegate_version:1'];
  for (const words of ['', 'all', 'DEFAULT', 'everything', 'x tidegate']) {
    assert.deepEqual(joined(words, ['# X', 'a:1'], ['# X', 'a:1']), ['# X', 'a:2', ...own], words);
  }
  assert.deepEqual(joined('x', ['# X', 'a:1'], ['# X', 'a:1']), ['# X', 'a:2']);
});

test('numbers are told from names, and bytes printed as servers do', () => {
  assert.deepEqual(['1', '-1', '0', '0.00', '99.5%', '00', '007', '1.2.3', 'a', ''].map(isNumber), [
    true,
    true,
    true,
    true,
    true,
    false,
    false,
    false,
    false,
    false,
  ]);
  assert.equal(sumOf(['-1', '-1']), '-2');
  assert.deepEqual([0, 1023, 1024, 941_032, 25_276_502_016, 2 ** 50].map(humanBytes), [
    '0B',
    '1023B',
    '1.00K',
    '918.98K',
    '23.54G',
    '1.00P',
  ]);
});
