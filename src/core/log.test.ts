import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { mock, test } from 'node:test';
import type { Log } from './log.ts';
import { limitRepeats, silent } from './log.ts';

type Line = [level: string, fields: object, message: string];

function recorder(): { log: Log; lines: Line[] } {
  const lines: Line[] = [];
  const at = (level: string) => (fields: object, message: string) => {
    lines.push([level, fields, message]);
  };
  return {
    log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    lines,
  };
}

function useFakeTimers(context: TestContext): void {
  context.mock.timers.enable({ apis: ['setTimeout'] });
}

test('the same message is written so many times, then counted in one line', (context) => {
  useFakeTimers(context);
  const { log, lines } = recorder();
  const limited = limitRepeats(log, { linesMax: 2, intervalMs: 1000 });
  for (let i = 0; i < 7; i++) limited.warn({ upstream: 'main', try: i }, 'connection lost');
  context.mock.timers.tick(1000);
  assert.deepEqual(lines, [
    ['warn', { upstream: 'main', try: 0 }, 'connection lost'],
    ['warn', { upstream: 'main', try: 1 }, 'connection lost'],
    ['warn', { upstream: 'main', suppressed: 5, repeated: 'connection lost' }, 'lines left out'],
  ]);
});

test('a new interval writes again', (context) => {
  useFakeTimers(context);
  const { log, lines } = recorder();
  const limited = limitRepeats(log, { linesMax: 1, intervalMs: 1000 });
  limited.info({}, 'a');
  context.mock.timers.tick(1000);
  limited.info({}, 'a');
  assert.deepEqual(
    lines.map((line) => line[2]),
    ['a', 'a'],
  );
});

test('other messages, levels and servers are not silenced', () => {
  const { log, lines } = recorder();
  const limited = limitRepeats(log, { linesMax: 1 });
  limited.warn({ server: 'a' }, 'lost');
  limited.warn({ server: 'a' }, 'lost');
  limited.warn({ server: 'b' }, 'lost');
  limited.error({ server: 'a' }, 'lost');
  limited.warn({ server: 'a' }, 'found');
  assert.equal(lines.length, 4);
});

test('a flush tells at once what was left out, and only once', () => {
  const { log, lines } = recorder();
  const limited = limitRepeats(log, { linesMax: 1 });
  limited.debug({}, 'x');
  limited.debug({}, 'x');
  limited.flush();
  limited.flush();
  assert.deepEqual(
    lines.map((line) => line[2]),
    ['x', 'lines left out'],
  );
});

test('the timer holds no process open', () => {
  const started = mock.method(globalThis, 'setTimeout');
  limitRepeats(silent).info({}, 'x');
  const timer = started.mock.calls[0]?.result;
  started.mock.restore();
  assert.equal(timer?.hasRef(), false);
});
