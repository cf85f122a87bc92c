import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../test/support/bounded.ts';
import type { Feed, FeedOwner } from '../backend/feed.ts';
import { FeedFrame } from '../backend/feed-frames.ts';
import type { ChannelKind } from '../commands/own.ts';
import type { Group, Source } from './group.ts';
import { type Audience, Hub, type Stream } from './hub.ts';

/** A server that confirms when the test says so. */
class FakeServer {
  readonly name: string;
  readonly asked: string[] = [];
  readonly live: Set<string> = new Set();
  readonly wanted: Set<string> = new Set();
  isDown = false;
  closed = false;
  unusedAt = performance.now();
  #owner: FeedOwner | null = null;

  constructor(name: string) {
    this.name = name;
  }

  get asSource(): Source {
    return this as unknown as Source;
  }

  get asFeed(): Feed {
    return this as unknown as Feed;
  }

  get size(): number {
    return this.wanted.size;
  }

  openFeed(owner: FeedOwner): Feed {
    this.#owner = owner;
    this.closed = false;
    return this.asFeed;
  }

  subscribe(kind: ChannelKind, name: string): void {
    if (this.wanted.has(`${kind} ${name}`)) return;
    this.wanted.add(`${kind} ${name}`);
    this.asked.push(`+${name}`);
  }

  unsubscribe(kind: ChannelKind, name: string): void {
    if (!this.wanted.delete(`${kind} ${name}`)) return;
    this.live.delete(`${kind} ${name}`);
    this.unusedAt = performance.now();
    this.asked.push(`-${name}`);
  }

  isLive(kind: ChannelKind, name: string): boolean {
    return this.live.has(`${kind} ${name}`);
  }

  retry(): void {
    for (const one of this.wanted) if (!this.live.has(one)) this.asked.push(`?${one}`);
  }

  settle(then: () => void): void {
    then();
  }

  close(): void {
    this.closed = true;
  }

  confirm(kind: ChannelKind, name: string): void {
    this.live.add(`${kind} ${name}`);
    this.#owner!.onLive(this.asFeed, kind, name);
  }

  refuse(kind: ChannelKind, name: string, reason: string): void {
    this.#owner!.onRefused(this.asFeed, kind, name, reason);
  }

  drop(kind: ChannelKind, name: string): void {
    this.live.delete(`${kind} ${name}`);
    this.#owner!.onDropped(this.asFeed, kind, name);
  }

  fall(): void {
    this.isDown = true;
    this.live.clear();
    this.#owner!.onDown(this.asFeed);
  }

  say(...words: readonly string[]): void {
    const text = words.map((word) => `$${word.length}\r\n${word}\r\n`).join('');
    const bytes = Buffer.from(`*${words.length}\r\n${text}`);
    const frame = new FeedFrame();
    frame.read(bytes, 0);
    this.#owner!.onMessage(this.asFeed, frame, bytes, 0, bytes.length);
  }
}

class FakeCluster {
  readonly servers: FakeServer[] = ['a', 'b', 'c'].map((name) => new FakeServer(name));
  /** Index of the server of every name. */
  home = 0;
  refreshed = 0;
  #listener: () => void = () => {};

  group(hasBus: boolean): Group {
    return {
      name: 'fake',
      only: null,
      serverOf: () => null,
      any: () => null,
      close: async () => {},
      hasBus,
      nodes: () => [],
      primaries: () => this.servers.map((server) => server.asSource),
      homeOf: () => this.servers[this.home]!.asSource,
      onChange: (listener) => {
        this.#listener = listener;
        return () => {};
      },
      refresh: () => {
        this.refreshed++;
      },
    };
  }

  change(): void {
    this.#listener();
  }
}

class FakeAudience implements Audience {
  size = 1;
  readonly heard: string[] = [];
  readonly refusals: string[] = [];
  progress = 0;

  accepts(): boolean {
    return true;
  }

  hear(bytes: Buffer, start: number, end: number): number {
    this.heard.push(bytes.toString('latin1', start, end).split('\r\n').at(-2)!);
    return this.size;
  }

  onProgress(): void {
    this.progress++;
  }

  onRefused(reason: string): void {
    this.refusals.push(reason);
  }
}

interface Scene {
  readonly cluster: FakeCluster;
  readonly hub: Hub;
  readonly audience: FakeAudience;
  join(kind: ChannelKind, name: string): Stream;
  [Symbol.dispose](): void;
}

function scene(hasBus: boolean): Scene {
  const cluster = new FakeCluster();
  const hub = new Hub(cluster.group(hasBus), () => {});
  const audience = new FakeAudience();
  return {
    cluster,
    hub,
    audience,
    join: (kind, name) => hub.join(kind, name, audience)!,
    [Symbol.dispose]: () => hub.close(),
  };
}

test('without a bus an ordinary channel is taken from every server, a shard channel from its home', () => {
  using it = scene(false);
  const news = it.join('channel', 'news');
  it.join('shard', 's');
  assert.deepEqual(
    it.cluster.servers.map(({ asked }) => asked),
    [['+news', '+s'], ['+news'], ['+news']],
  );
  const [a, b, c] = it.cluster.servers as [FakeServer, FakeServer, FakeServer];
  a.confirm('channel', 'news');
  b.confirm('channel', 'news');
  assert.equal(news.isReady, false);
  assert.equal(news.isHomeLive, true);
  c.confirm('channel', 'news');
  assert.equal(news.isReady, true);
  b.say('message', 'news', '1');
  c.say('message', 'news', '2');
  a.say('smessage', 's', '3');
  a.say('message', 'unknown', '4');
  assert.deepEqual(it.audience.heard, ['1', '2', '3']);
});

test('a server that is down is not waited for, unless it is the home', () => {
  using it = scene(false);
  const news = it.join('channel', 'news');
  const [a, b, c] = it.cluster.servers as [FakeServer, FakeServer, FakeServer];
  b.confirm('channel', 'news');
  a.confirm('channel', 'news');
  c.fall();
  assert.equal(news.isReady, true);
  a.fall();
  assert.equal(news.isReady, false);
});

test('in a cluster the bus brings ordinary messages to one server; notifications come from all', () => {
  using it = scene(true);
  it.join('channel', 'news');
  it.join('pattern', 'n*');
  it.join('channel', '__keyevent@0__:set');
  it.join('pattern', '*');
  assert.deepEqual(
    it.cluster.servers.map(({ asked }) => asked),
    [
      ['+news', '+n*', '+__keyevent@0__:set', '+*'],
      ['+__keyevent@0__:set', '+*'],
      ['+__keyevent@0__:set', '+*'],
    ],
  );
  const [a, b] = it.cluster.servers as [FakeServer, FakeServer];
  a.say('pmessage', '*', 'news', 'once');
  b.say('pmessage', '*', 'news', 'not again');
  a.say('pmessage', '*', '__keyspace@0__:k', 'of a');
  b.say('pmessage', '*', '__keyspace@0__:k', 'of b');
  b.say('message', '__keyevent@0__:set', 'key');
  assert.deepEqual(it.audience.heard, ['once', 'of a', 'of b', 'key']);
});

test('when a channel moves, its old home is listened to until the new one has confirmed', () => {
  using it = scene(true);
  const [a, b] = it.cluster.servers as [FakeServer, FakeServer];
  const news = it.join('channel', 'news');
  a.confirm('channel', 'news');
  it.cluster.home = 1;
  it.cluster.change();
  assert.deepEqual([a.asked, b.asked], [['+news'], ['+news']]);
  a.say('message', 'news', 'old');
  b.say('message', 'news', 'too early');
  assert.equal(news.isReady, false);
  b.confirm('channel', 'news');
  assert.equal(news.isReady, true);
  assert.deepEqual(a.asked, ['+news', '-news']);
  b.say('message', 'news', 'new');
  assert.deepEqual(it.audience.heard, ['old', 'new']);
});

test('a home that is down is replaced by another primary at once', () => {
  using it = scene(true);
  const [a, b] = it.cluster.servers as [FakeServer, FakeServer];
  const news = it.join('channel', 'news');
  a.confirm('channel', 'news');
  a.fall();
  assert.deepEqual(b.asked, ['+news']);
  assert.equal(news.isReady, false);
  b.confirm('channel', 'news');
  assert.equal(news.isReady, true);
  b.say('message', 'news', 'x');
  assert.deepEqual(it.audience.heard, ['x']);
});

test('a shard channel that a server gives up is asked for again where it is now', async () => {
  using it = scene(true);
  const [a, b] = it.cluster.servers as [FakeServer, FakeServer];
  it.join('shard', 's');
  a.confirm('shard', 's');
  it.cluster.home = 1;
  a.drop('shard', 's');
  assert.equal(it.cluster.refreshed, 1);
  await until(() => b.asked.includes('+s'), 'asked at its new home');
  b.confirm('shard', 's');
  assert.ok(a.asked.includes('-s'));
  b.say('smessage', 's', 'x');
  assert.deepEqual(it.audience.heard, ['x']);
});

test('a redirection is no refusal; a real one is told', async () => {
  using it = scene(true);
  const [a] = it.cluster.servers as [FakeServer];
  it.join('shard', 's');
  a.refuse('shard', 's', 'MOVED 1 127.0.0.1:7000');
  assert.deepEqual([it.audience.refusals, it.cluster.refreshed], [[], 1]);
  await until(() => a.asked.includes('?shard s'), 'asked again');
  a.refuse('shard', 's', 'NOPERM no');
  assert.deepEqual(it.audience.refusals, ['NOPERM no']);
});

test('receivers: the clients here stand in for the one connection a server counts', () => {
  using it = scene(true);
  const [a, b] = it.cluster.servers as [FakeServer, FakeServer];
  const channel = Buffer.from('news');
  it.join('channel', 'news');
  it.join('pattern', 'n*');
  it.join('pattern', 'x*');
  it.audience.size = 5;
  assert.equal(it.hub.surplusOf(a.asSource, 'channel', channel), 10, 'not live anywhere yet');
  a.confirm('channel', 'news');
  a.confirm('pattern', 'n*');
  a.confirm('pattern', 'x*');
  assert.equal(it.hub.surplusOf(a.asSource, 'channel', channel), 8);
  assert.equal(it.hub.surplusOf(b.asSource, 'channel', channel), 10);
  assert.equal(it.hub.surplusOf(a.asSource, 'shard', channel), 0);
});

test('what nobody wants ends after a moment; who comes back before finds it as it was', async () => {
  using it = scene(true);
  const [a] = it.cluster.servers as [FakeServer];
  const news = it.join('channel', 'news');
  a.confirm('channel', 'news');
  it.hub.leave(news, it.audience);
  assert.equal(it.join('channel', 'news'), news);
  assert.equal(news.isReady, true);
  it.hub.leave(news, it.audience);
  await until(() => a.asked.includes('-news'), 'it ends');
  assert.equal(it.hub.size, 0);
  assert.deepEqual(a.asked, ['+news', '-news']);
  assert.equal(a.closed, false, 'the connection is kept a while');
});
