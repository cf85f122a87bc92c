import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Alarm } from './alarm.ts';

const DAY_MS = 86_400_000;

test('an alarm rings once after its time, also after months', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const alarm = new Alarm();
  let rings = 0;
  alarm.set(100 * DAY_MS, () => {
    rings++;
  });
  for (let day = 0; day < 99; day++) context.mock.timers.tick(DAY_MS);
  assert.deepEqual([rings, alarm.isSet], [0, true]);
  for (let day = 0; day < 99; day++) context.mock.timers.tick(DAY_MS);
  assert.deepEqual([rings, alarm.isSet], [1, false]);
});

test('an alarm set anew forgets the time before, and one cleared rings no more', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const alarm = new Alarm();
  const rung: string[] = [];
  alarm.set(10, () => rung.push('first'));
  alarm.set(20, () => rung.push('second'));
  context.mock.timers.tick(15);
  assert.equal(rung.length, 0);
  context.mock.timers.tick(5);
  assert.deepEqual(rung, ['second']);
  alarm.set(5, () => rung.push('third'));
  alarm.clear();
  context.mock.timers.tick(100);
  assert.deepEqual(rung, ['second']);
});
