import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandOf } from '../../test/support/sinks.ts';
import type { Feed, FeedOwner } from '../backend/feed.ts';
import { FeedFrame } from '../backend/feed-frames.ts';
import type { ChannelKind } from '../commands/own.ts';
import { Channels } from '../routing/channels.ts';
import type { Group, Source } from '../routing/group.ts';
import { Hubs } from '../routing/hub.ts';
import { RouteTable } from '../routing/route.ts';
import { ListenerFigures } from './figures.ts';
import type { Session } from './session.ts';
import { Subscriber } from './subscriber.ts';
import type { Turn } from './turn.ts';

/** A group of one server that has confirmed everything before it was asked. */
class FakeGroup {
  readonly wanted: Set<string> = new Set();
  #owner: FeedOwner | null = null;
  readonly #feed = {
    isDown: false,
    unusedAt: 0,
    size: 1,
    subscribe: (_kind: ChannelKind, name: string) => this.wanted.add(name),
    unsubscribe: (_kind: ChannelKind, name: string) => this.wanted.delete(name),
    isLive: () => true,
    close: () => {},
  } as unknown as Feed;
  readonly #server = {
    openFeed: (owner: FeedOwner) => {
      this.#owner = owner;
      return this.#feed;
    },
  } as unknown as Source;

  readonly group: Group = {
    name: 'fake',
    only: null,
    serverOf: () => null,
    any: () => null,
    close: async () => {},
    nodes: () => [],
    primaries: () => [this.#server],
    homeOf: () => this.#server,
  };

  say(channel: string, text: string): void {
    const bytes = Buffer.from(
      `*3\r\n$7\r\nmessage\r\n$${channel.length}\r\n${channel}\r\n$${text.length}\r\n${text}\r\n`,
    );
    const frame = new FeedFrame();
    frame.read(bytes, 0);
    this.#owner?.onMessage(this.#feed, frame, bytes, 0, bytes.length);
  }
}

function routes(byPrefix: Readonly<Record<string, FakeGroup>>): RouteTable {
  const all = Object.entries(byPrefix).map(([prefix, { group }]) => ({
    prefix,
    removePrefix: false,
    keyFormat: '',
    group,
    readGroup: null,
    mirrors: [],
  }));
  return new RouteTable(all, false);
}

/** As much of a session as a subscriber sees. */
class FakeSession {
  readonly protocol = 3;
  host: { channels: Channels; figures: ListenerFigures };
  heard = '';
  ended = 0;

  constructor(channels: Channels) {
    this.host = { channels, figures: new ListenerFigures() };
  }

  push(bytes: Buffer, start: number, end: number): void {
    this.heard += bytes.toString('latin1', start, end);
  }

  gate(_reason: number, isOn: boolean): void {
    if (!isOn) this.ended++;
  }

  take(): string[] {
    const parts = this.heard.split(/(?=>\d)/).filter((part) => part !== '');
    this.heard = '';
    return parts.map((part) =>
      part
        .split('\r\n')
        .slice(2, -1)
        .filter((_x, i) => i % 2 === 0)
        .join(' '),
    );
  }
}

const answered = { reply: () => {}, fail: () => {} } as unknown as Turn;

test('after a change of routes each name is taken from where it belongs now, and what has no place is told', () => {
  const hubs = new Hubs();
  const [one, other] = [new FakeGroup(), new FakeGroup()];
  const session = new FakeSession(new Channels(routes({ '': one }), hubs));
  const before = session.host.figures;
  const subscriber = new Subscriber(session as unknown as Session);
  const command = commandOf('SUBSCRIBE', 'stays:1', 'moves:1', 'ends:1');
  subscriber.take(command, command.spec, answered);
  assert.deepEqual(session.take(), ['subscribe stays:1', 'subscribe moves:1', 'subscribe ends:1']);
  assert.deepEqual([before.subscribers, before.subscriptions], [1, 3]);

  session.host = {
    channels: new Channels(routes({ 'stays:': one, 'moves:': other }), hubs),
    figures: new ListenerFigures(),
  };
  subscriber.adopt(session.host.channels);
  assert.deepEqual(session.take(), ['unsubscribe ends:1']);
  assert.deepEqual([...other.wanted], ['moves:1']);
  for (const group of [one, other]) {
    for (const channel of ['stays:1', 'moves:1', 'ends:1']) group.say(channel, 'x');
  }
  assert.deepEqual(session.take(), ['message stays:1 x', 'message moves:1 x']);
  const { figures } = session.host;
  assert.deepEqual([before.subscribers, before.subscriptions], [0, 0]);
  assert.deepEqual([figures.subscribers, figures.subscriptions], [1, 2]);

  subscriber.release();
  assert.deepEqual([figures.subscribers, figures.subscriptions], [0, 0]);
  assert.equal(session.ended, 1);
  one.say('stays:1', 'late');
  assert.equal(session.heard, '');
  hubs.close();
});

test('counts and the order of confirmations are those of the commands, whatever is repeated', () => {
  const hubs = new Hubs();
  const session = new FakeSession(new Channels(routes({ '': new FakeGroup() }), hubs));
  const subscriber = new Subscriber(session as unknown as Session);
  for (const words of [
    ['SUBSCRIBE', 'a', 'b', 'a'],
    ['PSUBSCRIBE', 'a'],
    ['SSUBSCRIBE', 'a'],
    ['UNSUBSCRIBE', 'a', 'c'],
    ['UNSUBSCRIBE'],
    ['UNSUBSCRIBE'],
  ]) {
    const command = commandOf(...words);
    subscriber.take(command, command.spec, answered);
  }
  const counts = [...session.heard.matchAll(/\r\n(\w+)\r\n(?:\$1\r\n(\w)|_)\r\n:(\d)/g)];
  assert.deepEqual(
    counts.map(([, word, name, count]) => `${word} ${name ?? 'null'} ${count}`),
    [
      'subscribe a 1',
      'subscribe b 2',
      'subscribe a 2',
      'psubscribe a 3',
      'ssubscribe a 1',
      'unsubscribe a 2',
      'unsubscribe c 2',
      'unsubscribe b 1',
      'unsubscribe null 1',
    ],
  );
  subscriber.release();
  hubs.close();
});
