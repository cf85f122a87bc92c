import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { sleep, until } from '../../test/support/bounded.ts';
import { type Peer, type PeerConnection, startPeer } from '../../test/support/peer.ts';
import { commandOf, frameOf, Outcomes } from '../../test/support/sinks.ts';
import { Tick } from '../core/tick.ts';
import type { LinkError } from '../resp/errors.ts';
import type { Protocol } from '../resp/types.ts';
import { CommandTally, ServerFigures } from './figures.ts';
import type { Credentials } from './handshake.ts';
import { Link, type LinkOptions } from './link.ts';
import type { Orphan } from './orphan.ts';

const OPTIONS: Omit<LinkOptions, 'address'> = {
  tls: null,
  connectTimeoutMs: 2000,
  opTimeoutMs: 0,
  pendingMax: 1000,
  pendingBytesMax: 2 ** 30,
  reply: { bytesMax: 2 ** 30, nestingMax: 128 },
  flushBytesMin: 0,
  flushTimeoutMs: 10,
};

interface Identity {
  protocol: Protocol;
  database: number;
  credentials: Credentials | null;
}

/** A link to a scripted server, with everything that becomes of it. */
class Rig implements AsyncDisposable {
  readonly peer: Peer;
  readonly link: Link;
  readonly outcomes = new Outcomes();
  readonly events: string[] = [];
  readonly errors: LinkError[] = [];
  readonly tick = new Tick();
  readonly figures = new ServerFigures();
  readonly orphans: Orphan[] = [];

  constructor(peer: Peer, options: Partial<LinkOptions>, identity: Partial<Identity>) {
    this.peer = peer;
    this.link = new Link(
      { address: { kind: 'tcp', host: '127.0.0.1', port: peer.port }, ...OPTIONS, ...options },
      { protocol: 2, database: 0, credentials: null, ...identity },
      {
        onReady: () => this.events.push('ready'),
        onClosed: (_link, error, orphans) => {
          this.events.push(`closed ${error.code}`);
          this.errors.push(error);
          for (const orphan of orphans) this.#takeOrphan(orphan, error);
        },
        onTimeout: () => this.events.push('timeout'),
        onAlive: () => {},
        onPush: (bytes, start, end) => this.events.push(bytes.toString('latin1', start, end)),
        onErrorReply: () => false,
        onRefused: () => assert.fail('nothing is mended here'),
      },
      this.tick,
      this.figures,
      new CommandTally(),
    );
  }

  /** `GET name`, whose outcome is written down under that name. */
  get(name: string, then?: () => void): void {
    this.link.dispatch(commandOf('GET', name), this.outcomes.sink(name, then));
  }

  /** A command of the client `affinity`, told by its key. */
  ask(affinity: number, ...words: [string, string, ...string[]]): void {
    const command = commandOf(...words);
    command.affinity = affinity;
    this.link.dispatch(command, this.outcomes.sink(words[1]));
  }

  #takeOrphan(orphan: Orphan, error: LinkError): void {
    const { unsent, answered, overtaken } = orphan;
    const flags = [unsent && 'unsent', answered && 'answered', overtaken && 'overtaken'];
    const words = orphan.bytes.toString('latin1').split('\r\n');
    this.events.push(`orphan ${words[4]} ${flags.filter(Boolean).join(' ')}`.trim());
    this.orphans.push(orphan);
    orphan.sink.fail(error);
  }

  async ready(): Promise<PeerConnection> {
    const connection = await this.peer.connection();
    await until(() => this.link.isReady, 'the link is ready', 2000, 1);
    return connection;
  }

  async outcome(count: number): Promise<string[]> {
    await until(() => this.outcomes.all.length >= count, `${count} outcomes`, 3000, 1);
    return this.outcomes.all;
  }

  async closed(): Promise<void> {
    await until(() => this.errors.length > 0, 'the link is closed', 5000, 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.link.destroy({ code: 'closed' } as LinkError);
    await this.peer[Symbol.asyncDispose]();
  }
}

async function rig(
  options: Partial<LinkOptions> = {},
  identity: Partial<Identity> = {},
): Promise<Rig> {
  return new Rig(await startPeer(), options, identity);
}

function gets(...names: readonly string[]): string {
  return names.map((name) => frameOf('GET', name)).join('');
}

test('replies go to those who asked, in the order they asked', async () => {
  await using it = await rig();
  const server = await it.ready();
  for (const name of ['a', 'b', 'c']) it.get(name);
  await server.hears(gets('a', 'b', 'c'));
  server.say('+1\r\n*2\r\n$1\r\nx\r\n');
  await it.outcome(1);
  server.say('_\r\n-ERR no\r\n');
  assert.deepEqual(await it.outcome(3), ['a=+1\r\n', 'b=*2\r\n$1\r\nx\r\n_\r\n', 'c=-ERR no\r\n']);
});

test('commands given while it connects are sent when it stands', async () => {
  await using it = await rig();
  it.get('a');
  it.get('b');
  const server = await it.ready();
  await server.hears(gets('a', 'b'));
  server.say('+1\r\n+2\r\n');
  assert.deepEqual(await it.outcome(2), ['a=+1\r\n', 'b=+2\r\n']);
});

test('what was dispatched may be overwritten at once', async () => {
  await using it = await rig();
  const command = commandOf('GET', 'abc');
  it.link.dispatch(command, it.outcomes.sink('a'));
  command.bytes.fill('#');
  const server = await it.ready();
  await server.hears(gets('abc'));
});

test('thousands of commands and replies in pieces of any size stay in step', async () => {
  await using it = await rig({ pendingMax: 1e6 });
  const server = await it.ready();
  const count = 5000;
  const names = Array.from({ length: count }, (_none, i) => `k${i}`);
  for (const name of names) it.get(name);
  await server.hears(gets(...names));
  const replies = Array.from({ length: count }, (_none, i) => `$${`v${i}`.length}\r\nv${i}\r\n`);
  const stream = replies.join('');
  for (let at = 0, size = 1; at < stream.length; at += size, size = (size * 7 + 3) % 4099) {
    server.say(stream.slice(at, at + size));
    if (size % 5 === 0) await turn();
  }
  await it.outcome(count);
  assert.deepEqual(
    it.outcomes.all,
    replies.map((reply, i) => `k${i}=${reply}`),
  );
});

test('a sink may dispatch on the same link while it is answered', async () => {
  await using it = await rig();
  const server = await it.ready();
  it.get('a', () => {
    for (let i = 0; i < 200; i++) it.get(`n${i}`);
  });
  it.get('b');
  await server.hears(gets('a', 'b'));
  server.say('+1\r\n+2\r\n');
  await it.outcome(2);
  server.say(Array.from({ length: 200 }, (_none, i) => `:${i}\r\n`).join(''));
  await it.outcome(202);
  assert.deepEqual(it.outcomes.all.slice(0, 2), ['a=+1\r\n', 'b=+2\r\n']);
  assert.ok(it.outcomes.all.slice(2).every((one, i) => one === `n${i}=:${i}\r\n`));
});

test('a command that runs out of time fails alone and its late reply is dropped in its place', async () => {
  await using it = await rig({ opTimeoutMs: 60 });
  const server = await it.ready();
  it.get('slow');
  await sleep(40);
  it.get('quick');
  assert.deepEqual(await it.outcome(1), ['slow!timeout']);
  server.say('+late\r\n+quick\r\n');
  assert.deepEqual(await it.outcome(2), ['slow!timeout', 'quick=+quick\r\n']);
  assert.deepEqual(it.events, ['ready', 'timeout']);
});

test('a command given up while the link still connects never reaches the server', async () => {
  await using it = await rig({ opTimeoutMs: 60 }, { credentials: { username: '', password: 'p' } });
  const server = await it.peer.connection();
  it.get('a');
  await sleep(40);
  it.get('b');
  await it.outcome(1);
  it.get('c');
  server.say('+OK\r\n');
  await server.hears(frameOf('AUTH', 'p') + gets('b', 'c'));
  server.say('+b\r\n+c\r\n');
  assert.deepEqual(await it.outcome(3), ['a!timeout', 'b=+b\r\n', 'c=+c\r\n']);
});

test('commands given up between others that wait are passed over, however many there are', async () => {
  await using it = await rig({ opTimeoutMs: 50 }, { protocol: 3 });
  const server = await it.peer.connection();
  const big = 'x'.repeat(30_000);
  for (let i = 0; i < 9; i++) it.get(`old${i}${big}`);
  await it.outcome(9);
  for (let i = 0; i < 9; i++) it.get(`new${i}${big}`);
  server.say('%0\r\n');
  await server.hears(
    frameOf('HELLO', '3') + gets(...Array.from({ length: 9 }, (_none, i) => `new${i}${big}`)),
  );
  server.say(Array.from({ length: 9 }, (_none, i) => `:${i}\r\n`).join(''));
  await it.outcome(18);
  assert.ok(it.outcomes.all.slice(9).every((one, i) => one.endsWith(`=:${i}\r\n`)));
});

test('a time-out that dispatches again at once does not disturb the others', async () => {
  await using it = await rig({ opTimeoutMs: 40 });
  const server = await it.ready();
  for (const name of ['a', 'b', 'c']) {
    it.get(name, () => {
      for (let i = 0; i < 40; i++) it.get(`${name}${i}`);
    });
  }
  await it.outcome(3);
  const again = ['a', 'b', 'c'].flatMap((name) =>
    Array.from({ length: 40 }, (_none, i) => `${name}${i}`),
  );
  await server.hears(gets('a', 'b', 'c', ...again));
  server.say('+late\r\n'.repeat(3));
  server.say(Array.from({ length: 120 }, (_none, i) => `:${i}\r\n`).join(''));
  await it.outcome(123);
  assert.deepEqual(
    it.outcomes.all.slice(3),
    again.map((name, i) => `${name}=:${i}\r\n`),
  );
});

test('a reply nobody asked for closes the link', async () => {
  await using it = await rig();
  const server = await it.ready();
  server.say('+boo\r\n');
  await it.closed();
  assert.deepEqual(it.events, ['ready', 'closed protocol']);
  assert.match(it.errors[0]!.message, /boo/);
});

test('a reply that comes before its command was written is nobody’s', async () => {
  await using it = await rig({ flushBytesMin: 1000, flushTimeoutMs: 10_000 });
  const server = await it.ready();
  it.get('a');
  server.say('+early\r\n');
  assert.deepEqual(await it.outcome(1), ['a!protocol']);
});

test('what comes with the last reply of the greeting answers no command', async () => {
  await using it = await rig({}, { credentials: { username: '', password: 'p' } });
  it.get('a');
  const server = await it.peer.connection();
  await server.hears(frameOf('AUTH', 'p'));
  server.say('+OK\r\n+too much\r\n');
  assert.deepEqual(await it.outcome(1), ['a!protocol']);
});

test('pushes are passed over, before and between replies', async () => {
  await using it = await rig({}, { protocol: 3 });
  const server = await it.peer.connection();
  const push = '>2\r\n$10\r\ninvalidate\r\n_\r\n';
  server.say(`${push}%0\r\n${push}`);
  await it.ready();
  it.get('a');
  it.get('b');
  await server.hears(frameOf('HELLO', '3') + gets('a', 'b'));
  server.say(`${push}+1\r\n${push}${push}+2\r\n`);
  assert.deepEqual(await it.outcome(2), ['a=+1\r\n', 'b=+2\r\n']);
});

test('what is not RESP ends the link, after the replies before it', async () => {
  await using it = await rig();
  const server = await it.ready();
  for (const name of ['a', 'b']) it.get(name);
  await server.hears(gets('a', 'b'));
  server.say('+1\r\nHTTP');
  assert.deepEqual(await it.outcome(2), ['a=+1\r\n', 'b!protocol']);
  assert.deepEqual(it.events, ['ready', 'closed protocol', 'orphan b answered']);
});

test('a reply above its limit ends the link', async () => {
  await using it = await rig({ reply: { bytesMax: 100, nestingMax: 128 } });
  const server = await it.ready();
  it.get('a');
  server.say('$1000\r\nabc');
  assert.deepEqual(await it.outcome(1), ['a!protocol']);
});

test('a loss tells of each command whether it was sent and whether its reply had begun', async () => {
  await using it = await rig();
  const server = await it.ready();
  for (const name of ['a', 'b', 'c']) it.get(name);
  await server.hears(gets('a', 'b', 'c'));
  server.say('+1\r\n$10\r\nabc');
  await it.outcome(1);
  server.reset();
  await it.closed();
  assert.deepEqual(await it.outcome(3), ['a=+1\r\n', 'b!closed', 'c!closed']);
  assert.deepEqual(it.events, ['ready', 'closed closed', 'orphan b answered', 'orphan c']);
});

test('commands not yet written when the link is lost are known as such', async () => {
  await using it = await rig();
  const server = await it.ready();
  it.get('a');
  await server.hears(gets('a'));
  it.get('b');
  it.link.destroy({ code: 'closed' } as LinkError);
  assert.deepEqual(it.events, ['ready', 'closed closed', 'orphan a', 'orphan b unsent']);
});

test('commands already given up are no orphans', async () => {
  await using it = await rig({ opTimeoutMs: 30 });
  await it.ready();
  it.get('a');
  await it.outcome(1);
  it.get('b');
  it.link.destroy({ code: 'closed' } as LinkError);
  assert.deepEqual(it.events, ['ready', 'timeout', 'closed closed', 'orphan b unsent']);
});

test('a sink that ends the link while it is answered leaves the rest as orphans, in order', async () => {
  await using it = await rig();
  const server = await it.ready();
  it.get('a', () => it.link.destroy({ code: 'closed' } as LinkError));
  it.get('b');
  it.get('c');
  await server.hears(gets('a', 'b', 'c'));
  server.say('+1\r\n+2\r\n+3\r\n');
  assert.deepEqual(await it.outcome(3), ['a=+1\r\n', 'b!closed', 'c!closed']);
});

test('a command behind which its own client may have written is overtaken, others are not', async () => {
  await using it = await rig();
  const server = await it.ready();
  it.ask(1, 'GET', 'a');
  it.ask(2, 'GET', 'b');
  it.ask(1, 'SET', 'c', 'x');
  it.ask(1, 'GET', 'd');
  it.ask(2, 'GET', 'e');
  await until(() => server.heard.includes('$1\r\ne'), 'e is heard');
  it.link.destroy({ code: 'closed' } as LinkError);
  assert.deepEqual(it.events.slice(2), [
    'orphan a overtaken',
    'orphan b',
    'orphan c',
    'orphan d',
    'orphan e',
  ]);
});

test('a link that pauses writes nothing before its time, though it is connected', async () => {
  await using it = await rig({}, { database: 3 });
  it.link.pause(80);
  it.get('a');
  const begun = performance.now();
  const server = await it.peer.connection();
  await server.hears(frameOf('SELECT', '3'));
  server.say('+OK\r\n');
  await until(() => it.link.isReady, 'it is ready');
  assert.ok(performance.now() - begun > 60);
  await server.hears(frameOf('SELECT', '3') + gets('a'));
  server.say('+1\r\n');
  assert.deepEqual(await it.outcome(1), ['a=+1\r\n']);
});

test('a server that speaks unasked in a pause is not believed', async () => {
  await using it = await rig({}, { database: 3 });
  it.link.pause(1000);
  it.get('a');
  const server = await it.peer.connection();
  await server.hears(frameOf('SELECT', '3'));
  server.say('+OK\r\n+stray\r\n');
  assert.deepEqual(await it.outcome(1), ['a!protocol']);
});

test('bytes of an orphan can be read after the link is gone', async () => {
  await using it = await rig();
  await it.ready();
  const names = Array.from({ length: 30 }, (_none, i) => `${i}`.padEnd(9000, 'x'));
  for (const name of names) it.get(name);
  it.link.destroy({ code: 'closed' } as LinkError);
  assert.deepEqual(
    it.orphans.map(({ bytes }) => bytes.toString('latin1')),
    names.map((name) => gets(name)),
  );
});

test('a server that refuses the login is no server', async () => {
  await using it = await rig({}, { credentials: { username: 'u', password: 'p' }, database: 3 });
  const server = await it.peer.connection();
  it.get('a');
  await server.hears(frameOf('AUTH', 'u', 'p') + frameOf('SELECT', '3'));
  server.say('-WRONGPASS no\r\n+OK\r\n');
  assert.deepEqual(await it.outcome(1), ['a!handshake']);
  assert.equal(it.errors[0]!.reply, 'upstream failure');
  assert.match(it.errors[0]!.message, /auth: WRONGPASS no/);
});

test('what the server says of a database is told to the client, in one line', async () => {
  await using it = await rig({}, { protocol: 3, database: 99 });
  const server = await it.peer.connection();
  server.say('%0\r\n!26\r\nERR DB index is out of range\r\n'.replace('26', '28'));
  await it.closed();
  assert.equal(it.errors[0]!.reply, 'ERR DB index is out of range');
});

test('a full greeting in pieces makes the link ready once', async () => {
  await using it = await rig(
    {},
    { protocol: 3, database: 2, credentials: { username: 'u', password: 'p' } },
  );
  const server = await it.peer.connection();
  await server.hears(frameOf('HELLO', '3', 'AUTH', 'u', 'p') + frameOf('SELECT', '2'));
  for (const byte of '%1\r\n+proto\r\n:3\r\n+O') {
    server.say(byte);
    await turn();
  }
  assert.equal(it.link.isReady, false);
  server.say('K\r\n');
  await it.ready();
  assert.deepEqual(it.events, ['ready']);
});

test('a server that never greets is given up', async () => {
  await using it = await rig({ connectTimeoutMs: 60 }, { protocol: 3 });
  it.get('a');
  assert.deepEqual(await it.outcome(1), ['a!connect']);
  await (await it.peer.connection()).gone();
});

test('nobody at the address fails those who wait', async () => {
  const peer = await startPeer();
  const { port } = peer;
  await peer[Symbol.asyncDispose]();
  await using it = new Rig(
    await startPeer(),
    { address: { kind: 'tcp', host: '127.0.0.1', port } },
    {},
  );
  it.get('a');
  assert.deepEqual(await it.outcome(1), ['a!connect']);
});

test('one command too many is refused at once and the others are not harmed', async () => {
  await using it = await rig({ pendingMax: 2 });
  const server = await it.ready();
  for (const name of ['a', 'b', 'c']) it.get(name);
  assert.deepEqual(it.outcomes.all, ['c!busy']);
  await server.hears(gets('a', 'b'));
  server.say('+1\r\n+2\r\n');
  await it.outcome(3);
  it.get('d');
  await server.hears(gets('a', 'b', 'd'));
});

test('bytes under way are limited, but one command may always pass', async () => {
  await using it = await rig({ pendingBytesMax: 100 });
  const server = await it.ready();
  const big = 'x'.repeat(500);
  it.get(big);
  it.get('b');
  assert.deepEqual(it.outcomes.all, ['b!busy']);
  await server.hears(gets(big));
  server.say('+1\r\n');
  await it.outcome(2);
  it.get('c');
  await server.hears(gets(big, 'c'));
});

test('commands given up before they were sent make room again', async () => {
  await using it = await rig({ pendingBytesMax: 100, opTimeoutMs: 40 }, { protocol: 3 });
  it.get('x'.repeat(90));
  await it.outcome(1);
  await sleep(50);
  it.get('a');
  it.get('b');
  await sleep(5);
  assert.equal(it.outcomes.all.length, 1);
});

test('a silent server is given up after some time-outs', async () => {
  await using it = await rig({ opTimeoutMs: 50 });
  const server = await it.ready();
  it.get('a');
  await it.closed();
  assert.deepEqual(it.events, ['ready', 'timeout', 'closed timeout']);
  await server.gone();
});

test('a server that answers others is not silent', async () => {
  await using it = await rig({ opTimeoutMs: 300 });
  const server = await it.ready();
  it.get('a');
  const end = performance.now() + 1500;
  let asked = 0;
  while (performance.now() < end) {
    it.get(`b${asked++}`);
    await sleep(50);
    server.say('+x\r\n');
  }
  assert.equal(it.errors.length, 0);
});

test('a command of a link that slept is not late because the clock stood still', async () => {
  await using it = await rig({ opTimeoutMs: 100 });
  const server = await it.ready();
  await sleep(150);
  it.get('a');
  await server.hears(gets('a'));
  await sleep(20);
  server.say('+1\r\n');
  assert.deepEqual(await it.outcome(1), ['a=+1\r\n']);
});

test('few bytes wait for more, many are written at once', async () => {
  await using it = await rig({ flushBytesMin: 100, flushTimeoutMs: 80 });
  const server = await it.ready();
  it.get('a');
  await sleep(30);
  assert.equal(server.heard, '');
  it.get('b'.repeat(100));
  await sleep(20);
  assert.equal(server.heard, gets('a', 'b'.repeat(100)));
  it.get('c');
  await sleep(120);
  assert.equal(server.heard, gets('a', 'b'.repeat(100), 'c'));
});

test('a server that does not read holds nothing up here, and gets all when it reads again', async () => {
  await using it = await rig({ pendingMax: 1e6 });
  const server = await it.ready();
  server.deafen();
  const names = Array.from({ length: 400 }, (_none, i) => `${i}`.padEnd(40_000, 'x'));
  for (const [i, name] of names.entries()) {
    it.get(name);
    if (i % 20 === 0) await turn();
  }
  await sleep(50);
  server.listen();
  await until(() => server.heard.length >= gets(...names).length, 'all is heard');
  assert.ok(server.heard === gets(...names));
});

test('a server that answers before it reads never hears the bytes of another link', async () => {
  await using one = await rig({ pendingMax: 1e6 });
  await using other = await rig({ pendingMax: 1e6 });
  const deaf = await one.ready();
  await other.ready();
  deaf.deafen();
  const names = Array.from({ length: 500 }, (_none, i) => `${i}`.padEnd(50_000, 'a'));
  for (const name of names) one.get(name);
  await sleep(20);
  for (let round = 0; round < 5; round++) {
    deaf.say('+early\r\n'.repeat(90));
    await sleep(10);
    for (let i = 0; i < 90; i++) other.get('b'.repeat(50_000));
  }
  deaf.listen();
  const all = gets(...names);
  await until(() => deaf.heard.length >= all.length || one.errors.length > 0, 'all is heard');
  assert.ok(all.startsWith(deaf.heard), 'nothing foreign among it');
  assert.ok(!deaf.heard.includes('b'));
});

test('nothing is left running when the link is closed', async () => {
  await using it = await rig({ opTimeoutMs: 50, flushBytesMin: 100, flushTimeoutMs: 50 });
  const server = await it.ready();
  it.get('a');
  it.link.destroy({ code: 'closed' } as LinkError);
  await server.gone();
  const before = it.events.length;
  await sleep(120);
  assert.equal(it.events.length, before);
  assert.equal(it.figures.connectionsActive, 0);
});
