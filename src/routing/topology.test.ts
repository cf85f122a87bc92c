import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Value } from '../resp/value.ts';
import { nodeKey, OddAnswer, readShards, readSlots, readState } from './topology.ts';

const ASKED = { host: '10.0.0.9', tls: false };

function shardNode(fields: Readonly<Record<string, Value>>): Value {
  const all: Record<string, Value> = {
    id: 'x',
    port: 7000,
    ip: '10.0.0.1',
    endpoint: '10.0.0.1',
    role: 'master',
    'replication-offset': 0,
    health: 'online',
    ...fields,
  };
  return Object.entries(all).flat();
}

function shards(...nodes: Value[]): Value {
  return [['slots', [0, 100, 200, 200], 'nodes', nodes]];
}

test('CLUSTER SHARDS gives ranges, a primary and its replicas', () => {
  const replica = shardNode({ role: 'replica', port: 7001, health: 'loading' });
  const { shards: read, covered } = readShards(shards(shardNode({}), replica), ASKED);
  assert.equal(covered, 102);
  assert.deepEqual(read, [
    {
      ranges: [
        [0, 100],
        [200, 200],
      ],
      primary: { host: '10.0.0.1', port: 7000, otherHosts: [], isUsable: true },
      replicas: [{ host: '10.0.0.1', port: 7001, otherHosts: [], isUsable: false }],
    },
  ]);
});

test('a primary that is well is preferred to one that failed', () => {
  const failed = shardNode({ health: 'fail', port: 1 });
  const { shards: read } = readShards(shards(failed, shardNode({ port: 2 })), ASKED);
  assert.equal(read[0]?.primary?.port, 2);
});

test('a host that is not told is the one that was asked; one that is not known gives way to the address', () => {
  const hostOf = (fields: Readonly<Record<string, Value>>): string | undefined =>
    readShards(shards(shardNode(fields)), ASKED).shards[0]?.primary?.host;
  assert.equal(hostOf({ endpoint: null }), '10.0.0.9');
  assert.equal(hostOf({ endpoint: '' }), '10.0.0.9');
  assert.equal(hostOf({ endpoint: '?' }), '10.0.0.1');
  assert.equal(hostOf({ endpoint: '?', ip: '' }), '10.0.0.9');
  assert.equal(hostOf({ endpoint: 'a.example', hostname: 'a.example' }), 'a.example');
});

test('where TLS is spoken the TLS port counts', () => {
  const node = shardNode({ 'tls-port': 7443 });
  const portOf = (tls: boolean): number | undefined =>
    readShards(shards(node), { ...ASKED, tls }).shards[0]?.primary?.port;
  assert.deepEqual([portOf(false), portOf(true)], [7000, 7443]);
});

test('CLUSTER SLOTS gives the same, ranges of one primary together', () => {
  const primary: Value = ['10.0.0.1', 7000, 'id', ['hostname', 'a.example']];
  const replica: Value = ['', 7001, 'id'];
  const { shards: read, covered } = readSlots(
    [
      [0, 5, primary, replica],
      [7, 7, primary, replica],
    ],
    ASKED,
  );
  assert.equal(covered, 7);
  assert.deepEqual(read[0]?.ranges, [
    [0, 5],
    [7, 7],
  ]);
  assert.deepEqual(read[0]?.primary?.otherHosts, ['a.example']);
  assert.equal(read[0]?.replicas[0]?.host, '10.0.0.9');
});

test('whatever is odd makes the whole answer void', () => {
  const oddShards: readonly Value[] = [
    null,
    'OK',
    [[1]],
    [['slots', [0], 'nodes', []]],
    [['slots', [5, 4], 'nodes', []]],
    [['slots', [0, 16_384], 'nodes', []]],
    [['slots', [-1, 4], 'nodes', []]],
    [['slots', ['0', '4'], 'nodes', []]],
    [['slots', []]],
    shards(shardNode({ role: 'king' })),
    shards(shardNode({ port: 0 })),
    shards(shardNode({ port: 65_536 })),
    shards(shardNode({ endpoint: 'a b' })),
    shards(shardNode({ endpoint: 5 })),
    [
      ['slots', [0, 5], 'nodes', [shardNode({})]],
      ['slots', [5, 6], 'nodes', [shardNode({ port: 2 })]],
    ],
  ];
  for (const value of oddShards) {
    assert.throws(() => readShards(value, ASKED), OddAnswer, JSON.stringify(value));
  }
  for (const value of [[[0, 5]], [[0, 5, []]], [[0, 5, [null]]], [[0]], 'x'] as Value[]) {
    assert.throws(() => readSlots(value, ASKED), OddAnswer, JSON.stringify(value));
  }
});

test('CLUSTER INFO gives state and epoch', () => {
  const text = 'cluster_state:ok\r\ncluster_slots_assigned:1\r\ncluster_current_epoch:6\r\n';
  assert.deepEqual(readState(text), { isOk: true, epoch: 6 });
  assert.throws(() => readState('cluster_state:ok\r\n'), OddAnswer);
  assert.throws(() => readState(5), OddAnswer);
});

test('one place has one name', () => {
  assert.equal(nodeKey({ host: 'A.Example', port: 1 }), 'a.example:1');
  assert.equal(nodeKey({ host: '::1', port: 1 }), '[::1]:1');
});
