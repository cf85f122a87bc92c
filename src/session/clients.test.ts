import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { silent } from '../core/log.ts';
import { Tick } from '../core/tick.ts';
import { type AskPeers, type ClientFilter, Clients } from './clients.ts';
import type { Session } from './session.ts';

/** What a registry of clients sees of one. */
class FakeSession {
  readonly id: number;
  readonly userName: string;
  readonly openedAt: number;
  readonly events: string[] = [];
  readonly socket: object;
  activeAt = 0;

  constructor(id: number, user = 'default', ageSeconds = 0) {
    this.id = id;
    this.userName = user;
    this.openedAt = Date.now() - ageSeconds * 1000;
    this.socket = {
      remoteAddress: '10.0.0.1',
      remotePort: 1000 + id,
      localAddress: '::1',
      localPort: 6379,
    };
  }

  finish(): void {
    this.events.push('finish');
  }

  close(): void {
    this.events.push('close');
  }

  setPause(mode: string): void {
    this.events.push(mode);
  }
}

function registry(ask: AskPeers | null = null, index = 0, count = 1): Clients {
  return new Clients(new Tick(), silent, { index, count }, ask);
}

function add(clients: Clients, session: FakeSession): FakeSession {
  clients.add(session as unknown as Session);
  return session;
}

function useFakeTimers(context: TestContext): void {
  context.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 });
}

test('ids do not repeat between workers', () => {
  const ids = [0, 1, 2].flatMap((index) => {
    const clients = registry(null, index, 3);
    return [clients.takeId(), clients.takeId(), clients.takeId()];
  });
  assert.deepEqual(new Set(ids).size, 9);
  assert.ok(ids.every((id) => id > 0));
});

test('filters say whom a question is about, and all of them count', () => {
  const clients = registry();
  add(clients, new FakeSession(1));
  add(clients, new FakeSession(2, 'app', 100));
  add(clients, new FakeSession(3, 'app', 10));
  const ids = (filter: ClientFilter): number[] =>
    clients
      .answer({ kind: 'list', filter })
      .lines.map((line) => Number(/^id=(\d+) /.exec(line)?.[1]));
  assert.deepEqual(ids({}), [1, 2, 3]);
  assert.deepEqual(ids({ ids: [3, 1, 99] }), [1, 3]);
  assert.deepEqual(ids({ notId: 2 }), [1, 3]);
  assert.deepEqual(ids({ user: 'app' }), [2, 3]);
  assert.deepEqual(ids({ user: 'default' }), [1]);
  assert.deepEqual(ids({ address: '10.0.0.1:1002' }), [2]);
  assert.deepEqual(ids({ localAddress: '[::1]:6379' }), [1, 2, 3]);
  assert.deepEqual(ids({ ageMin: 50 }), [2]);
  assert.deepEqual([ids({ type: 'normal' }).length, ids({ type: 'pubsub' }).length], [3, 0]);
  assert.deepEqual(ids({ user: 'app', ageMin: 50, notId: 2 }), []);
});

test('who ends others closes them at once, and himself after his reply', () => {
  const clients = registry();
  const [one, two] = [add(clients, new FakeSession(1)), add(clients, new FakeSession(2))];
  const { count } = clients.answer({ kind: 'kill', filter: {}, askerId: 2 });
  assert.deepEqual([count, one.events, two.events], [2, ['close'], ['finish']]);
});

test('answers of other workers come after our own, and a worker that fails is left out', async () => {
  const other = { lines: ['theirs'], count: 4 };
  const asked = registry(async () => [other]);
  const counts = await new Promise((resolve) => {
    asked.ask({ kind: 'list', filter: {} }, (answers) =>
      resolve(answers.map(({ count }) => count)),
    );
  });
  assert.deepEqual(counts, [0, 4]);
  const alone = registry(() => Promise.reject(new Error('gone')));
  const few = await new Promise((resolve) => {
    alone.ask({ kind: 'list', filter: {} }, (answers) => resolve(answers.length));
  });
  assert.equal(few, 1);
});

test('a pause ends by itself, and who comes meanwhile is paused too', (context) => {
  useFakeTimers(context);
  const clients = registry();
  const one = add(clients, new FakeSession(1));
  clients.answer({ kind: 'pause', untilMs: Date.now() + 100, writesOnly: true });
  const two = add(clients, new FakeSession(2));
  context.mock.timers.tick(100);
  const three = add(clients, new FakeSession(3));
  assert.deepEqual(
    [one.events, two.events, three.events],
    [['write', 'none'], ['write', 'none'], []],
  );
});

test('a second pause never shortens the first, and all outweighs writes', (context) => {
  useFakeTimers(context);
  const clients = registry();
  const one = add(clients, new FakeSession(1));
  clients.answer({ kind: 'pause', untilMs: Date.now() + 1000, writesOnly: false });
  clients.answer({ kind: 'pause', untilMs: Date.now() + 10, writesOnly: true });
  context.mock.timers.tick(999);
  assert.deepEqual(one.events, ['all', 'all']);
  context.mock.timers.tick(1);
  assert.deepEqual(one.events, ['all', 'all', 'none']);
});

test('a pause longer than a timer can be does not end at once', (context) => {
  useFakeTimers(context);
  const clients = registry();
  const one = add(clients, new FakeSession(1));
  const delays: number[] = [];
  const { setTimeout: original } = globalThis;
  context.mock.method(globalThis, 'setTimeout', (then: () => void, ms: number) => {
    delays.push(ms);
    return original(then, ms);
  });
  clients.answer({ kind: 'pause', untilMs: Date.now() + 2 ** 40, writesOnly: false });
  clients.close();
  assert.ok(
    delays.every((ms) => ms < 2 ** 31),
    `${delays}`,
  );
  assert.deepEqual(one.events, ['all']);
});

test('an end of pause and the end of the registry leave no timer', (context) => {
  useFakeTimers(context);
  const clients = registry();
  const one = add(clients, new FakeSession(1));
  clients.answer({ kind: 'pause', untilMs: Date.now() + 100, writesOnly: false });
  clients.answer({ kind: 'unpause' });
  clients.answer({ kind: 'pause', untilMs: Date.now() + 100, writesOnly: false });
  clients.close();
  context.mock.timers.tick(1000);
  assert.deepEqual(one.events, ['all', 'none', 'all']);
});
