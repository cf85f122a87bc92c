/** Questions between threads, here over a channel of their own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LISTENER_COUNTS, SERVER_COUNTS } from '../admin/snapshot.ts';
import { ListenerFigures } from '../session/figures.ts';
import { ServerFigures } from '../upstream/figures.ts';
import { type Answerers, Calls, type Message } from './calls.ts';

/** Two sides that hand each other clones, as message ports do. */
function connected(answerers: Answerers): Calls {
  const here: Calls = new Calls((message) => pass(there, message), {});
  const there: Calls = new Calls((message) => pass(here, message), answerers);
  return here;
}

function pass(to: Calls, message: Message): void {
  const clone = structuredClone(message);
  setImmediate(() => {
    if (clone.type !== 'log') to.receive(clone);
  });
}

test('answers find their questions whatever order they come in', async () => {
  const here = connected({
    clients: async (question) => {
      const count = question.kind === 'pause' ? question.untilMs : 0;
      await new Promise((resolve) => setTimeout(resolve, 10 - count));
      return { lines: [], count };
    },
  });
  const ask = (untilMs: number): Promise<{ count: number }> =>
    here.ask('clients', { kind: 'pause', untilMs, writesOnly: false }, 1000);
  const answers = await Promise.all([1, 5, 9].map(ask));
  assert.deepEqual(
    answers.map(({ count }) => count),
    [1, 5, 9],
  );
});

test('an error keeps what tells an operator which port is taken', async () => {
  const details = { code: 'EADDRINUSE', address: '127.0.0.1', port: 6380 };
  const here = connected({
    listen: () => Promise.reject(Object.assign(new Error('taken'), details)),
  });
  await assert.rejects(here.ask('listen', {}, 1000), { message: 'taken', ...details });
});

test('no answer in time is an error, and a late one does no harm', async () => {
  const late = Promise.withResolvers<null>();
  const here = connected({ drain: () => late.promise });
  await assert.rejects(here.ask('drain', null, 10), /no answer to "drain" within 10 ms/);
  late.resolve(null);
  await new Promise((resolve) => setImmediate(resolve));
});

test('whoever waits is told when the other side is gone', async () => {
  const here = new Calls(() => undefined, {});
  const asked = here.ask('close', null, null);
  here.fail(new Error('worker 1 has ended'));
  await assert.rejects(asked, /worker 1 has ended/);
});

test('a snapshot has every figure that is counted', () => {
  const numbers = (figures: object): Set<string> =>
    new Set(
      Object.entries(figures).flatMap(([name, value]) => (typeof value === 'number' ? [name] : [])),
    );
  assert.deepEqual(new Set(LISTENER_COUNTS), numbers(new ListenerFigures()));
  assert.deepEqual(new Set(SERVER_COUNTS), numbers(new ServerFigures()));
});
