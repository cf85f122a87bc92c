import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Testimony } from './testimony.ts';
import { nodeKey } from './topology.ts';
import { vote } from './vote.ts';

const SENTINELS = ['s1', 's2', 's3', 's4', 's5'];
const OLD = 'old:1';
const NEW = 'new:1';

interface Saying {
  readonly replicas?: Readonly<Record<string, boolean>>;
  /** Other Sentinels it knows; default: of the first three. */
  readonly others?: readonly string[];
}

function says(id: string, primary: string | null, saying: Saying = {}): Testimony {
  const { replicas = {}, others = SENTINELS.slice(0, 3) } = saying;
  return {
    id,
    primary: primary === null ? null : place(primary),
    replicas: Object.entries(replicas).map(([name, isUsable]) => ({ ...place(name), isUsable })),
    others: others
      .filter((other) => other !== id)
      .map((other) => ({ ...place(`${other}:26379`), id: other })),
  };
}

function place(name: string): { host: string; port: number } {
  const [host, port] = name.split(':') as [string, string];
  return { host, port: Number(port) };
}

/** Whom those who answered name, when nobody else will. */
function named(current: string | null, ...answers: readonly Testimony[]): string | null {
  const verdict = vote(answers, answers.length, true, current);
  return verdict === null ? null : nodeKey(verdict.primary);
}

test('the primary is whom more than half of the answers name', () => {
  assert.equal(named(null, says('s1', NEW)), NEW);
  assert.equal(named(null, says('s1', NEW), says('s2', OLD)), null);
  assert.equal(named(null, says('s1', OLD), says('s2', NEW), says('s3', NEW)), NEW);
  assert.equal(named(null, says('s1', OLD), says('s2', NEW), says('s3', 'x:1')), null);
  assert.equal(named(null), null);
});

test('a Sentinel that does not know the service has a voice, but names nobody', () => {
  assert.equal(named(null, says('s1', null), says('s2', null)), null);
  assert.equal(named(null, says('s1', NEW), says('s2', null)), null);
  assert.equal(named(null, says('s1', NEW), says('s2', null), says('s3', NEW)), NEW);
});

test('one Sentinel under two addresses has one voice', () => {
  assert.equal(named(null, says('s1', OLD), says('s1', OLD), says('s2', NEW)), null);
});

test('the rest is not waited for once it cannot change anything', () => {
  const [one, other] = [says('s1', NEW), says('s2', NEW)];
  assert.equal(vote([one], 3, false, null), null);
  assert.notEqual(vote([one, other], 3, false, null), null);
  assert.equal(vote([one, other], 4, false, null), null);
  assert.notEqual(vote([one, other], 4, true, null), null);
});

test('it is said whether more than half of all Sentinels name it', () => {
  const isByAll = (...answers: readonly Testimony[]): boolean | undefined =>
    vote(answers, answers.length, true, null)?.isByAll;
  assert.equal(isByAll(says('s1', NEW)), false);
  assert.equal(isByAll(says('s1', NEW, { others: [] })), true);
  assert.equal(isByAll(says('s1', NEW), says('s2', NEW)), true);
  const five = { others: SENTINELS };
  assert.equal(isByAll(says('s1', NEW, five), says('s2', NEW, five)), false);
  assert.equal(isByAll(...['s1', 's2', 's3'].map((id) => says(id, NEW, five))), true);
});

test('one that lies cannot make the others look few', () => {
  const crowd = { others: Array.from({ length: 200 }, (_none, i) => `x${i}`) };
  const verdict = vote([says('s1', OLD, crowd), says('s2', NEW), says('s3', NEW)], 3, true, OLD);
  assert.equal(verdict?.isByAll, true);
  assert.deepEqual(
    verdict?.sentinels.map(({ id }) => id),
    ['s1'],
  );
});

test('a primary in force is not left before all have answered, unless most of all Sentinels agree', () => {
  const five = { others: SENTINELS };
  const two = [says('s1', NEW, five), says('s2', NEW, five)];
  assert.equal(vote(two, 3, false, OLD), null);
  assert.equal(vote(two, 3, true, OLD)?.isByAll, false);
  assert.notEqual(vote(two, 3, false, NEW), null);
});

test('replicas are those that most voters list, and fit to be read from if most say so', () => {
  const verdict = vote(
    [
      says('s1', NEW, { replicas: { 'a:1': true, 'b:1': true, 'c:1': true } }),
      says('s2', NEW, { replicas: { 'a:1': true, 'b:1': false, [NEW]: true } }),
      says('s3', NEW, { replicas: { 'a:1': false, 'b:1': false, [NEW]: true } }),
      says('s4', OLD, { replicas: { 'c:1': true } }),
    ],
    4,
    true,
    null,
  );
  assert.deepEqual(
    verdict?.replicas.map(({ host, isUsable }) => [host, isUsable]),
    [
      ['a', true],
      ['b', false],
    ],
  );
});
