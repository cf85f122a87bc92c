import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type OutlierOptions, Outliers } from './outlier.ts';

const OPTIONS: OutlierOptions = {
  consecutiveFailures: 3,
  baseEjectionMs: 1000,
  maxEjectionMs: 2500,
  maxEjectionPercent: 10,
};

function setUp(
  context: TestContext,
  count: number,
  options: Partial<OutlierOptions> = {},
): { outliers: Outliers; changes: string[] } {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const changes: string[] = [];
  const outliers = new Outliers({ ...OPTIONS, ...options }, count, (index, ejected) => {
    changes.push(`${index} ${ejected ? 'out' : 'back'}`);
  });
  return { outliers, changes };
}

test('a server leaves at its third failure in a row and comes back after its time', (context) => {
  const { outliers, changes } = setUp(context, 2);
  outliers.onFailure(0, 2);
  assert.deepEqual(changes, []);
  outliers.onFailure(0, 3);
  assert.equal(outliers.isEjected(0), true);
  context.mock.timers.tick(999);
  assert.deepEqual(changes, ['0 out']);
  context.mock.timers.tick(1);
  assert.deepEqual(changes, ['0 out', '0 back']);
  assert.equal(outliers.isEjected(0), false);
});

test('each time is longer than the one before, up to a limit', (context) => {
  const { outliers } = setUp(context, 2);
  const pauses = [1000, 2000, 2500, 2500];
  for (const pause of pauses) {
    outliers.onFailure(0, 3);
    context.mock.timers.tick(pause - 1);
    assert.equal(outliers.isEjected(0), true);
    context.mock.timers.tick(1);
    assert.equal(outliers.isEjected(0), false);
  }
});

test('a sign of life takes one step back', (context) => {
  const { outliers } = setUp(context, 2);
  outliers.onFailure(0, 3);
  outliers.onAlive(0);
  context.mock.timers.tick(1000);
  outliers.onAlive(0);
  outliers.onFailure(0, 3);
  context.mock.timers.tick(1000);
  assert.equal(outliers.isEjected(0), false);
});

test('the last server always stays', (context) => {
  const { outliers } = setUp(context, 2, { maxEjectionPercent: 100 });
  outliers.onFailure(0, 3);
  outliers.onFailure(1, 3);
  assert.deepEqual([outliers.isEjected(0), outliers.isEjected(1)], [true, false]);
  const alone = new Outliers(OPTIONS, 1, () => assert.fail('the only server left'));
  alone.onFailure(0, 100);
});

test('no more servers leave together than their share', (context) => {
  const { outliers } = setUp(context, 10, { maxEjectionPercent: 30 });
  for (let i = 0; i < 10; i++) outliers.onFailure(i, 3);
  const out = Array.from({ length: 10 }, (_none, i) => outliers.isEjected(i));
  assert.equal(out.filter(Boolean).length, 3);
});

test('after the end nobody comes back', (context) => {
  const { outliers, changes } = setUp(context, 2);
  outliers.onFailure(0, 3);
  outliers.close();
  context.mock.timers.tick(10_000);
  assert.deepEqual(changes, ['0 out']);
});
