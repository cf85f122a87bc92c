import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { commandOf, Outcomes } from '../../test/support/sinks.ts';
import type { Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { specByName } from '../commands/lookup.ts';
import { type LinkError, linkError } from '../resp/errors.ts';
import { Lane } from './lane.ts';
import type { Link } from './link.ts';
import type { Orphan } from './orphan.ts';

const LOST = linkError('closed', 'lost');
const REFUSED = linkError('connect', 'refused');

/** What a lane sees of a link. */
class FakeLink {
  isReady = false;
  readonly sinks: Sink[] = [];
  destroyedWith: LinkError | null = null;

  readonly log: string[] = [];

  dispatch(_command: Command, sink: Sink): void {
    this.log.push('dispatch');
    this.sinks.push(sink);
  }

  pause(ms: number): void {
    this.log.push(`pause ${ms}`);
  }

  resend({ bytes }: Orphan): void {
    this.log.push(`resend ${bytes}`);
  }

  destroy(error: LinkError): void {
    this.destroyedWith = error;
  }
}

class Rig {
  readonly links: FakeLink[] = [];
  /** Why no link is opened, if none is. */
  refusal: LinkError | null = null;
  readonly outcomes = new Outcomes();
  readonly lane = new Lane({ open: () => this.#open() }, 2, 0, true);
  readonly #context: TestContext;

  constructor(context: TestContext) {
    context.mock.timers.enable({ apis: ['setTimeout'] });
    this.#context = context;
  }

  #open(): Link | LinkError {
    if (this.refusal !== null) return this.refusal;
    const link = new FakeLink();
    this.links.push(link);
    return link as unknown as Link;
  }

  get(name: string): void {
    this.lane.dispatch(commandOf('GET', name), this.outcomes.sink(name));
  }

  orphan(name: string): Orphan {
    return {
      sink: this.outcomes.sink(name),
      spec: specByName('get')!,
      bytes: Buffer.from(name),
      affinity: 0,
      attempt: 0,
      unsent: false,
      answered: false,
      overtaken: false,
      sentAt: 0,
    };
  }

  pass(ms: number): void {
    this.#context.mock.timers.tick(ms);
  }
}

test('the first command opens a link, and those after it take the same', (context) => {
  const rig = new Rig(context);
  assert.equal(rig.lane.link, null);
  rig.get('a');
  rig.get('b');
  assert.equal(rig.links.length, 1);
  assert.equal(rig.links[0]!.sinks.length, 2);
});

test('while it rests commands fail at once, with the reason of the loss', (context) => {
  const rig = new Rig(context);
  rig.get('a');
  rig.lane.onClosed(REFUSED, false);
  rig.get('b');
  assert.deepEqual(rig.outcomes.all, ['b!connect']);
  assert.equal(rig.links.length, 1);
});

test('pauses grow to a second and no further, and each is at least half of its length', (context) => {
  const rig = new Rig(context);
  rig.lane.warm();
  for (const longest of [20, 40, 80, 160, 320, 640, 1000, 1000, 1000]) {
    rig.lane.onClosed(REFUSED, false);
    const before = rig.links.length;
    rig.pass(Math.floor(longest / 2) - 1);
    assert.equal(rig.links.length, before, `not before ${longest / 2} ms`);
    rig.pass(longest - Math.floor(longest / 2) + 1);
    assert.equal(rig.links.length, before + 1, `within ${longest} ms`);
  }
});

test('a link that stood for a while is opened again at once', (context) => {
  const rig = new Rig(context);
  let now = 1000;
  context.mock.method(performance, 'now', () => now);
  rig.get('a');
  now += 2000;
  rig.lane.onClosed(LOST, true);
  assert.equal(rig.links.length, 2);
  rig.get('b');
  assert.equal(rig.links[1]!.sinks.length, 1);
});

test('a server that accepts and hangs up is not dialled in a loop', (context) => {
  const rig = new Rig(context);
  rig.get('a');
  rig.lane.onReady();
  rig.lane.onClosed(LOST, true);
  assert.equal(rig.links.length, 2, 'the first loss is free');
  rig.lane.onReady();
  rig.lane.onClosed(LOST, true);
  assert.equal(rig.links.length, 2);
  rig.pass(20);
  assert.equal(rig.links.length, 3);
});

test('what is sent again goes out in the next link before anything newer, after the pause', (context) => {
  const rig = new Rig(context);
  rig.get('a');
  rig.lane.onClosed(LOST, true);
  rig.lane.resend([rig.orphan('b'), rig.orphan('c')], 20);
  rig.get('d');
  assert.deepEqual(rig.links[1]!.log, ['pause 20', 'resend b', 'resend c', 'dispatch']);
});

test('while it rests nothing is sent again', (context) => {
  const rig = new Rig(context);
  rig.get('a');
  rig.lane.onClosed(REFUSED, false);
  rig.lane.resend([rig.orphan('b'), rig.orphan('c')], 20);
  assert.deepEqual(rig.outcomes.all, ['b!connect', 'c!connect']);
});

test('a link that may not be opened now is tried again later', (context) => {
  const rig = new Rig(context);
  rig.refusal = linkError('no_host', 'too many connections');
  rig.get('a');
  rig.get('b');
  assert.deepEqual(rig.outcomes.all, ['a!no_host', 'b!no_host']);
  rig.refusal = null;
  rig.pass(20);
  rig.get('c');
  assert.equal(rig.links[0]!.sinks.length, 1);
});

test('a command dispatched while the loss is handled goes to the next link or fails, never to the old', (context) => {
  const rig = new Rig(context);
  rig.get('a');
  rig.lane.onClosed(LOST, false);
  rig.get('b');
  rig.pass(20);
  rig.get('c');
  assert.equal(rig.links[0]!.sinks.length, 1);
  assert.deepEqual(rig.outcomes.all, ['b!closed']);
  assert.equal(rig.links[1]!.sinks.length, 1);
});

test('after the end nothing is opened any more', (context) => {
  const rig = new Rig(context);
  rig.lane.warm();
  rig.lane.close(LOST);
  rig.lane.onClosed(LOST, true);
  rig.pass(5000);
  rig.get('a');
  assert.equal(rig.links[0]!.destroyedWith, LOST);
  assert.equal(rig.links.length, 1);
  assert.deepEqual(rig.outcomes.all, ['a!closed']);
});

test('an end during a rest stops the rest', (context) => {
  const rig = new Rig(context);
  rig.lane.warm();
  rig.lane.onClosed(REFUSED, false);
  rig.lane.close(LOST);
  rig.pass(5000);
  assert.equal(rig.links.length, 1);
});
