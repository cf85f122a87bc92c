import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type Flushable, Tick } from './tick.ts';

/** Writes its name each time it is flushed, then does what it was given to do. */
function note(into: string[], name: string, then: (self: Flushable) => void = () => {}): Flushable {
  const self = {
    flush(): void {
      into.push(name);
      then(self);
    },
  };
  return self;
}

test('servers are flushed before clients, each in the order marked', async () => {
  const tick = new Tick();
  const flushed: string[] = [];
  tick.markClient(note(flushed, 'client 1'));
  tick.markUpstream(note(flushed, 'server 1'));
  tick.markClient(note(flushed, 'client 2'));
  tick.markUpstream(note(flushed, 'server 2'));
  await turn();
  assert.deepEqual(flushed, ['server 1', 'server 2', 'client 1', 'client 2']);
});

test('nothing is flushed within the turn that marks', async () => {
  const tick = new Tick();
  const flushed: string[] = [];
  tick.markClient(note(flushed, 'client'));
  assert.deepEqual(flushed, []);
  await turn();
  assert.deepEqual(flushed, ['client']);
});

test('a client that marks a server while it is flushed has it flushed in the same turn', async () => {
  const tick = new Tick();
  const flushed: string[] = [];
  const server = note(flushed, 'server');
  tick.markClient(note(flushed, 'client', () => tick.markUpstream(server)));
  await turn();
  assert.deepEqual(flushed, ['client', 'server']);
});

test('what marks itself again while it is flushed loses nobody behind it', async () => {
  const tick = new Tick();
  const flushed: string[] = [];
  let again = 2;
  const first = note(flushed, 'a', (self) => {
    if (again-- > 0) tick.markClient(self);
  });
  tick.markClient(first);
  tick.markClient(note(flushed, 'b'));
  await turn();
  assert.deepEqual(flushed, ['a', 'b', 'a', 'a']);
});

test('who marks itself for ever does not keep the loop', async () => {
  const tick = new Tick();
  const flushed: string[] = [];
  let stop = false;
  tick.markUpstream(
    note(flushed, 'x', (self) => {
      if (!stop) tick.markUpstream(self);
    }),
  );
  await turn();
  const first = flushed.length;
  await turn();
  await turn();
  stop = true;
  await turn();
  assert.ok(first > 0 && first <= 8, `${first} rounds in one turn`);
  assert.ok(flushed.length > first, 'it goes on in the next turn');
});

test('the clock is read once per turn', async () => {
  const tick = new Tick();
  tick.begin();
  const { now } = tick;
  const end = performance.now() + 3;
  while (performance.now() < end);
  tick.begin();
  assert.equal(tick.now, now);
  await turn();
  tick.begin();
  assert.ok(tick.now >= end);
  await turn();
});
