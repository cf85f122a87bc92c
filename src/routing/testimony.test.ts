import assert from 'node:assert/strict';
import { test } from 'node:test';
import { error, type Value } from '../resp/value.ts';
import { readTestimony, type Told } from './testimony.ts';
import { OddAnswer } from './topology.ts';

/** As RESP2 tells fields. */
function fields(values: Readonly<Record<string, string>>): Value {
  return Object.entries(values)
    .flat()
    .map((text) => Buffer.from(text));
}

function told(answers: Partial<Told>): Told {
  const primary = [Buffer.from('10.0.0.1'), Buffer.from('6379')];
  return { id: Buffer.from('me'), primary, replicas: [], others: [], ...answers };
}

const REPLICA = {
  ip: '10.0.0.2',
  port: '6380',
  flags: 'slave',
  'role-reported': 'slave',
  'master-link-status': 'ok',
};

test('an answer tells the primary, replicas and other Sentinels', () => {
  const testimony = readTestimony(
    told({
      replicas: [fields(REPLICA)],
      others: [
        fields({ ip: 'sentinel-2.local', port: '26379', runid: 'two' }),
        fields({ ip: '10.0.0.9', port: '26379', runid: '' }),
      ],
    }),
    'asked:1',
  );
  assert.deepEqual(testimony, {
    id: 'me',
    primary: { host: '10.0.0.1', port: 6379 },
    replicas: [{ host: '10.0.0.2', port: 6380, isUsable: true }],
    others: [
      { host: 'sentinel-2.local', port: 26379, id: 'two' },
      { host: '10.0.0.9', port: 26379, id: '10.0.0.9:26379' },
    ],
  });
});

test('a replica that is down, cut off, out of step or no replica is not read from', () => {
  const isUsable = (changed: Readonly<Record<string, string>>): boolean | undefined =>
    readTestimony(told({ replicas: [fields({ ...REPLICA, ...changed })] }), 'a:1').replicas[0]
      ?.isUsable;
  assert.equal(isUsable({}), true);
  for (const flags of ['s_down,slave', 'slave,o_down', 's_down,slave,disconnected']) {
    assert.equal(isUsable({ flags }), false, flags);
  }
  assert.equal(isUsable({ 'role-reported': 'master' }), false);
  assert.equal(isUsable({ 'master-link-status': 'err' }), false);
});

test('who does not know the service names nobody; who is too old to have an id is called by its address', () => {
  const nobody = { primary: null, replicas: error('ERR No such master with that name') };
  assert.deepEqual(readTestimony(told({ ...nobody, id: error('ERR unknown') }), 'a:1'), {
    id: 'a:1',
    primary: null,
    replicas: [],
    others: [],
  });
});

test('half an answer is none', () => {
  const odd: readonly Partial<Told>[] = [
    { primary: error('NOAUTH Authentication required.') },
    { primary: [Buffer.from('10.0.0.1')] },
    { primary: [Buffer.from('10.0.0.1'), Buffer.from('70000')] },
    { primary: [Buffer.from('a b'), Buffer.from('6379')] },
    { primary: Buffer.from('10.0.0.1:6379') },
    { replicas: [fields({ ip: '10.0.0.2', port: 'x' })] },
    { replicas: error('NOPERM no') },
    { others: [Buffer.from('x')] },
    { others: Array.from({ length: 257 }, () => fields({ ip: 'a', port: '1' })) },
  ];
  for (const answers of odd) {
    assert.throws(() => readTestimony(told(answers), 'a:1'), OddAnswer, JSON.stringify(answers));
  }
});
