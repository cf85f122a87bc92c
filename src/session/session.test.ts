import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { sleep, until } from '../../test/support/bounded.ts';
import { frameOf } from '../../test/support/sinks.ts';
import { type Backend, NOTHING_TO_LEND, type Refusal, type Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { allCommands, BUILT_IN } from '../commands/lookup.ts';
import { silent } from '../core/log.ts';
import { Tick } from '../core/tick.ts';
import { linkError } from '../resp/errors.ts';
import { Channels } from '../routing/channels.ts';
import { RouteTable } from '../routing/route.ts';
import { Clients } from './clients.ts';
import { ListenerFigures } from './figures.ts';
import type { SessionLimits } from './host.ts';
import { Listener } from './listener.ts';
import { type UserOptions, Users } from './users.ts';

const LIMITS: SessionLimits = {
  bulkBytesMax: 512 * 1024 * 1024,
  elementsMax: 1024 * 1024,
  inlineBytesMax: 64 * 1024,
  pipelineMax: 1000,
  inFlightBytesMax: 2 ** 30,
  outputBytesMax: 2 ** 30,
};

interface Asked {
  readonly line: string;
  readonly database: number;
  readonly protocol: number;
  readonly sink: Sink;
}

/** Keeps what it is asked until the test answers it. */
class FakeBackend implements Backend {
  readonly asked: Asked[] = [];
  /** Answers before `dispatch` returns, where it gives a reply. */
  atOnce: (line: string) => string | undefined = () => undefined;

  lease(): Refusal {
    return NOTHING_TO_LEND;
  }

  dispatch(command: Command, sink: Sink): void {
    const words = Array.from({ length: command.argc }, (_none, i) => command.text(i));
    const line = words.join(' ');
    const { database, protocol } = command;
    this.asked.push({ line, database, protocol, sink });
    const reply = this.atOnce(line);
    if (reply !== undefined) say(sink, reply);
  }

  get lines(): string[] {
    return this.asked.map(({ line }) => line);
  }

  /** Answers the command asked with `line`. */
  answer(line: string, reply: string): void {
    const index = this.asked.findIndex((asked) => asked.line === line);
    assert.ok(index >= 0, `${line} was asked`);
    const [asked] = this.asked.splice(index, 1);
    say(asked!.sink, reply);
  }

  async asks(count: number): Promise<void> {
    await until(() => this.asked.length >= count, `${count} commands`, 3000, 1);
  }

  async close(): Promise<void> {}
}

function say(sink: Sink, text: string): void {
  const bytes = Buffer.from(`##${text}##`, 'latin1');
  sink.reply(bytes, 2, bytes.length - 2);
  bytes.fill('#');
}

/** A client that keeps all it hears. */
class Client {
  heard = '';
  ended = false;
  readonly socket: net.Socket;

  constructor(port: number) {
    this.socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    this.socket.on('data', (chunk: Buffer) => {
      this.heard += chunk.toString('latin1');
    });
    this.socket.on('error', () => this.socket.destroy());
    this.socket.on('end', () => {
      this.ended = true;
    });
    this.socket.on('close', () => {
      this.ended = true;
    });
  }

  say(...lines: readonly string[]): void {
    this.write(lines.map((line) => frameOf(...line.split(' '))).join(''));
  }

  write(text: string): void {
    this.socket.write(text, 'latin1');
  }

  async hears(text: string): Promise<void> {
    try {
      await until(() => this.heard.length >= text.length, 'the reply comes', 3000, 1);
    } catch {
      // What was heard instead says more.
    }
    assert.equal(this.heard.slice(0, 2000), text.slice(0, 2000));
    this.heard = this.heard.slice(text.length);
  }

  async end(): Promise<void> {
    await until(() => this.ended, 'the connection ends', 3000, 1);
  }
}

class Rig implements AsyncDisposable {
  readonly backend = new FakeBackend();
  readonly figures = new ListenerFigures();
  readonly clients: Clients;
  readonly listener: Listener;
  readonly #made: Client[] = [];
  #port = 0;

  constructor(limits: Partial<SessionLimits>, users: readonly UserOptions[] | null) {
    const tick = new Tick();
    this.clients = new Clients(tick, silent, { index: 0, count: 1 }, null);
    this.listener = new Listener(
      {
        name: 'test',
        address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
        tls: null,
        connectionsMax: 100,
        idleTimeoutMs: 0,
        reusePort: false,
      },
      {
        backend: this.backend,
        channels: new Channels(new RouteTable([], false), null),
        table: BUILT_IN,
        limits: { ...LIMITS, ...limits },
        tick,
        users: users === null ? null : new Users(users, BUILT_IN),
        authenticator: null,
        clients: this.clients,
        figures: this.figures,
        version: '0',
      },
      silent,
    );
  }

  async listen(): Promise<this> {
    this.#port = Number((await this.listener.listen()).split(':')[1]);
    return this;
  }

  client(): Client {
    const client = new Client(this.#port);
    this.#made.push(client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#made) client.socket.destroy();
    this.listener.close();
    this.clients.close();
    await turn();
  }
}

function rig(
  limits: Partial<SessionLimits> = {},
  users: readonly UserOptions[] | null = null,
): Promise<Rig> {
  return new Rig(limits, users).listen();
}

test('replies are written in the order of the commands, whatever order they come in', async () => {
  await using it = await rig();
  const client = it.client();
  const names = ['a', 'b', 'c', 'd', 'e'];
  client.say(...names.map((name) => `GET ${name}`));
  await it.backend.asks(5);
  for (const name of ['e', 'c', 'b']) it.backend.answer(`GET ${name}`, `+${name}\r\n`);
  await sleep(10);
  assert.equal(client.heard, '');
  it.backend.answer('GET a', '+a\r\n');
  await client.hears('+a\r\n+b\r\n+c\r\n');
  it.backend.answer('GET d', '*1\r\n+d\r\n');
  await client.hears('*1\r\n+d\r\n+e\r\n');
});

test('random orders of replies of many clients never mix', async () => {
  await using it = await rig();
  const clients = Array.from({ length: 5 }, () => it.client());
  const expected = clients.map(() => '');
  for (let round = 0; round < 40; round++) {
    for (const [c, client] of clients.entries()) {
      const lines = Array.from({ length: 1 + ((round * 7 + c) % 6) }, (_none, i) =>
        (i + round) % 4 === 0 ? `ECHO ${c}.${round}.${i}` : `GET ${c}.${round}.${i}`,
      );
      client.say(...lines);
      for (const line of lines) {
        const word = line.split(' ')[1]!;
        expected[c] += `$${word.length}\r\n${word}\r\n`;
      }
    }
    await turn();
    while (it.backend.asked.length > round % 9) {
      const { line } = it.backend.asked[(round * 31) % it.backend.asked.length]!;
      const word = line.split(' ')[1]!;
      it.backend.answer(line, `$${word.length}\r\n${word}\r\n`);
    }
  }
  const end = performance.now() + 3000;
  while (
    performance.now() < end &&
    clients.some((client, c) => client.heard.length < expected[c]!.length)
  ) {
    for (const line of it.backend.lines) {
      const word = line.split(' ')[1]!;
      it.backend.answer(line, `$${word.length}\r\n${word}\r\n`);
    }
    await turn();
  }
  for (const [c, client] of clients.entries()) assert.equal(client.heard, expected[c]);
});

test('what is answered here keeps its place among what servers answer', async () => {
  await using it = await rig();
  const client = it.client();
  client.say('GET a', 'PING', 'GET b', 'ECHO x', 'NOSUCH', 'GET');
  await it.backend.asks(2);
  it.backend.answer('GET b', '+b\r\n');
  await sleep(5);
  assert.equal(client.heard, '');
  it.backend.answer('GET a', '+a\r\n');
  await client.hears(
    "+a\r\n+PONG\r\n+b\r\n$1\r\nx\r\n-ERR unknown command 'NOSUCH', with args beginning with: \r\n-ERR wrong number of arguments for 'get' command\r\n",
  );
});

test('replies that come before dispatch returns are in order too', async () => {
  await using it = await rig();
  it.backend.atOnce = (line) => (line.includes('now') ? `+${line}\r\n` : undefined);
  const client = it.client();
  client.say('GET now1', 'GET later', 'GET now2', 'GET now3');
  await it.backend.asks(4);
  await client.hears('+GET now1\r\n');
  it.backend.answer('GET later', '+later\r\n');
  await client.hears('+later\r\n+GET now2\r\n+GET now3\r\n');
});

test('replies for a client that left reach nobody else', async () => {
  await using it = await rig();
  const gone = it.client();
  gone.say(...Array.from({ length: 50 }, (_none, i) => `GET old${i}`));
  await it.backend.asks(50);
  for (let i = 1; i < 50; i += 2) it.backend.answer(`GET old${i}`, `+old${i}\r\n`);
  gone.socket.resetAndDestroy();
  await until(() => it.clients.sessions.size === 0, 'the session ends');
  const next = it.client();
  next.say(...Array.from({ length: 100 }, (_none, i) => `GET new${i}`));
  await it.backend.asks(125);
  for (let i = 0; i < 50; i += 2) it.backend.answer(`GET old${i}`, `+old${i}\r\n`);
  for (let i = 99; i >= 0; i--) it.backend.answer(`GET new${i}`, `+new${i}\r\n`);
  await next.hears(Array.from({ length: 100 }, (_none, i) => `+new${i}\r\n`).join(''));
});

test('a client that leaves in the middle of its replies takes nobody with it', async () => {
  await using it = await rig();
  for (let round = 0; round < 20; round++) {
    const [leaver, stayer] = [it.client(), it.client()];
    leaver.say('GET l1', 'GET l2', 'GET l3');
    stayer.say('GET s1', 'GET s2');
    await it.backend.asks(5);
    it.backend.answer('GET l2', '+l2\r\n');
    it.backend.answer('GET s2', '+s2\r\n');
    leaver.socket.resetAndDestroy();
    await until(() => it.clients.sessions.size === 1, 'one is left');
    for (const name of ['l3', 'l1', 's1']) it.backend.answer(`GET ${name}`, `+${name}\r\n`);
    await stayer.hears('+s1\r\n+s2\r\n');
    stayer.socket.destroy();
    await until(() => it.clients.sessions.size === 0, 'nobody is left');
  }
});

test('a turn answered twice is a broken invariant, not somebody else’s reply', async () => {
  await using it = await rig();
  const client = it.client();
  client.say('GET a');
  await it.backend.asks(1);
  const { sink } = it.backend.asked[0]!;
  say(sink, '+a\r\n');
  assert.throws(() => say(sink, '+again\r\n'), /answered once/);
  assert.throws(() => sink.fail(linkError('closed', 'x')), /answered once/);
});

test('a failure is an error line in its place', async () => {
  await using it = await rig();
  const client = it.client();
  client.say('GET a', 'GET b');
  await it.backend.asks(2);
  it.backend.asked[1]!.sink.fail(linkError('closed', 'x'));
  it.backend.asked[0]!.sink.fail(linkError('no_host', 'x'));
  await client.hears('-no upstream host\r\n-upstream failure\r\n');
});

test('nothing is sent to another database before the servers have agreed to it', async () => {
  await using it = await rig();
  const client = it.client();
  client.say('SELECT 3', 'GET b');
  await it.backend.asks(1);
  await sleep(10);
  assert.deepEqual(it.backend.lines, ['SELECT 3']);
  it.backend.answer('SELECT 3', '+OK\r\n');
  await it.backend.asks(1);
  assert.deepEqual(
    it.backend.asked.map(({ line, database }) => [line, database]),
    [['GET b', 3]],
  );
});

for (const change of ['SELECT 3', 'HELLO 3', 'RESET']) {
  test(`${change} waits for what was asked before it: on another link it could overtake`, async () => {
    await using it = await rig();
    it.backend.atOnce = (line) => (line.startsWith('SELECT') ? '+OK\r\n' : undefined);
    const client = it.client();
    if (change === 'RESET') client.say('SELECT 1');
    client.say('SET a 1', 'GET b', change, 'GET a');
    await it.backend.asks(2);
    await sleep(10);
    it.backend.answer('GET b', '+b\r\n');
    await sleep(10);
    const before = it.backend.lines.filter((line) => !line.startsWith('SELECT'));
    assert.deepEqual(before, ['SET a 1']);
    it.backend.answer('SET a 1', '+OK\r\n');
    await until(() => it.backend.lines.includes('GET a'), 'the rest is asked');
  });
}

test('a database that is refused leaves the client where it was', async () => {
  await using it = await rig();
  const client = it.client();
  client.say('SELECT 99', 'SELECT 4', 'GET b');
  await it.backend.asks(1);
  it.backend.answer('SELECT 99', '-ERR DB index is out of range\r\n');
  await it.backend.asks(1);
  it.backend.asked[0]!.sink.fail(linkError('connect', 'x'));
  it.backend.asked.splice(0, 1);
  await it.backend.asks(1);
  assert.equal(it.backend.asked[0]!.database, 0);
});

test('a fault is told after the replies before it, and ends the connection', async () => {
  await using it = await rig();
  const client = it.client();
  client.write(`${frameOf('GET', 'a')}*1\r\nx`);
  await it.backend.asks(1);
  await sleep(5);
  assert.equal(client.heard, '');
  it.backend.answer('GET a', '+a\r\n');
  await client.hears("+a\r\n-ERR Protocol error: expected '$', got 'x'\r\n");
  await client.end();
});

test('commands behind QUIT are not run', async () => {
  await using it = await rig();
  const client = it.client();
  client.say('GET a', 'QUIT', 'SET b 1');
  await it.backend.asks(1);
  it.backend.answer('GET a', '+a\r\n');
  await client.hears('+a\r\n+OK\r\n');
  await client.end();
  assert.deepEqual(it.backend.lines, []);
});

test('a client that closes its side still gets what it asked, more than a pipeline holds', async () => {
  await using it = await rig({ pipelineMax: 10 });
  it.backend.atOnce = (line) => `+${line}\r\n`;
  const client = it.client();
  const lines = Array.from({ length: 500 }, (_none, i) => `GET ${i}`);
  client.say(...lines);
  client.socket.end();
  await client.hears(lines.map((line) => `+${line}\r\n`).join(''));
  await client.end();
});

test('a client has so many commands under way and no more, and loses none', async () => {
  await using it = await rig({ pipelineMax: 8 });
  const client = it.client();
  const lines = Array.from({ length: 100 }, (_none, i) => `GET ${i}`);
  client.say(...lines);
  let most = 0;
  for (let i = 0; i < 100; i++) {
    await it.backend.asks(1);
    most = Math.max(most, it.backend.asked.length);
    it.backend.answer(`GET ${i}`, `+${i}\r\n`);
  }
  await client.hears(lines.map((_line, i) => `+${i}\r\n`).join(''));
  assert.equal(most, 8);
});

test('a command cut at every byte is answered once', async () => {
  await using it = await rig();
  it.backend.atOnce = (line) => `+${line}\r\n`;
  const client = it.client();
  for (const byte of frameOf('GET', 'abc') + frameOf('PING')) {
    client.write(byte);
    await turn();
  }
  await client.hears('+GET abc\r\n+PONG\r\n');
});

test('a client that does not read its replies is closed, and others go on', async () => {
  await using it = await rig({ outputBytesMax: 3_000_000 });
  const big = `$1000000\r\n${'x'.repeat(1_000_000)}\r\n`;
  it.backend.atOnce = () => big;
  const [slow, other] = [it.client(), it.client()];
  slow.socket.pause();
  slow.say(...Array.from({ length: 100 }, (_none, i) => `GET ${i}`));
  await until(() => it.figures.slowReadersClosed === 1, 'it is closed');
  other.say('PING');
  await other.hears('+PONG\r\n');
});

test('replies are dropped while the client wants none, each in its place', async () => {
  await using it = await rig();
  const client = it.client();
  client.say('GET a', 'CLIENT REPLY SKIP', 'GET b', 'GET c', 'CLIENT REPLY OFF', 'GET d', 'PING');
  client.say('CLIENT REPLY ON', 'PING');
  await it.backend.asks(4);
  for (const name of ['d', 'c', 'b', 'a']) it.backend.answer(`GET ${name}`, `+${name}\r\n`);
  await client.hears('+a\r\n+c\r\n+OK\r\n+PONG\r\n');
});

test('HELLO changes the protocol of what comes after it, not of what came before', async () => {
  await using it = await rig();
  const client = it.client();
  client.say('GET a', 'CLIENT GETNAME', 'HELLO 3', 'CLIENT GETNAME', 'GET b');
  await it.backend.asks(1);
  assert.equal(it.backend.asked[0]!.protocol, 2);
  it.backend.answer('GET a', '+a\r\n');
  await it.backend.asks(1);
  assert.equal(it.backend.asked[0]!.protocol, 3);
  it.backend.answer('GET b', '+b\r\n');
  await until(() => client.heard.endsWith('+b\r\n'), 'all is heard');
  assert.match(client.heard, /^\+a\r\n\$-1\r\n%7\r\n[^_]*_\r\n\+b\r\n$/s);
});

test('a client that is not logged in can do nothing but log in', async () => {
  const user = { name: 'app', passwords: ['secret'], keys: null, commands: null };
  await using it = await rig({}, [user]);
  it.backend.atOnce = () => '+v\r\n';
  const client = it.client();
  client.say('GET a', 'AUTH app wrong', 'GET a', 'AUTH app secret', 'GET a', 'RESET', 'GET a');
  const noauth = '-NOAUTH Authentication required.\r\n';
  await client.hears(
    `${noauth}-WRONGPASS invalid username-password pair\r\n${noauth}+OK\r\n+v\r\n+RESET\r\n${noauth}`,
  );
  assert.equal(it.figures.authFailures, 1);
});

test('a user touches the keys and runs the commands that are his, and no others', async () => {
  const user = { name: 'u', passwords: ['p'], keys: ['app:*'], commands: ['+@read', '+set'] };
  await using it = await rig({}, [user]);
  it.backend.atOnce = () => '+v\r\n';
  const client = it.client();
  client.say('AUTH u p', 'GET app:1', 'GET other', 'MGET app:1 other', 'DEL app:1', 'SET app:1 x');
  const noKey =
    '-NOPERM this user has no permissions to access one of the keys used as arguments\r\n';
  await client.hears(
    `+OK\r\n+v\r\n${noKey}${noKey}-NOPERM this user has no permissions to run the 'del' command\r\n+v\r\n`,
  );
});

test('a pause of writes lets reads pass until a write comes, and nothing overtakes it', async () => {
  await using it = await rig();
  it.backend.atOnce = (line) => `+${line}\r\n`;
  const [client, other] = [it.client(), it.client()];
  client.say('CLIENT PAUSE 10000 WRITE', 'GET a', 'SET b 1', 'GET c');
  await client.hears('+OK\r\n+GET a\r\n');
  await sleep(20);
  assert.equal(client.heard, '');
  other.say('CLIENT UNPAUSE');
  await other.hears('+OK\r\n');
  await client.hears('+SET b 1\r\n+GET c\r\n');
  assert.deepEqual(it.backend.lines, ['GET a', 'SET b 1', 'GET c']);
});

test('every command answered here has an answer, whatever its arguments', async () => {
  await using it = await rig();
  it.backend.atOnce = () => '+OK\r\n';
  const local = allCommands().filter(({ door, name }) => door === 'local' && name !== 'quit');
  for (const { name } of local) {
    for (const words of [
      [],
      ['1'],
      ['x', 'y'],
      ['\xff', '', 'z', '4'],
      ['-1', '2', '3', '4', '5'],
    ]) {
      if (name === 'client|kill' || name === 'client|reply' || name === 'client|pause') continue;
      const client = it.client();
      client.write(frameOf(...name.split('|'), ...words));
      await until(
        () => client.heard.endsWith('\r\n'),
        `${name} ${words.join(' ')} is answered`,
        3000,
        1,
      );
      client.socket.destroy();
    }
  }
});

test('names and values given to this door outlive the buffer they came in', async () => {
  await using it = await rig();
  const client = it.client();
  client.say('CLIENT SETNAME first');
  await client.hears('+OK\r\n');
  for (let i = 0; i < 5; i++) {
    const other = it.client();
    other.say(`ECHO ${'x'.repeat(200)}`);
    await until(() => other.heard.length > 200, 'the buffer is used');
  }
  client.say('CLIENT GETNAME');
  await client.hears('$5\r\nfirst\r\n');
});

test('a client that never pauses does not make its held replies pile up', async () => {
  await using it = await rig({ outputBytesMax: 3_000_000 });
  const client = it.client();
  const big = `$50000\r\n${'x'.repeat(50_000)}\r\n`;
  let asked = 3;
  let answered = 0;
  client.say('GET 0', 'GET 1', 'GET 2');
  await it.backend.asks(3);
  it.backend.answer('GET 1', big);
  for (let i = 0; i < 200; i++) {
    client.say(`GET ${asked}`, `GET ${asked + 1}`);
    await it.backend.asks(4);
    it.backend.answer(`GET ${asked}`, big);
    it.backend.answer(`GET ${asked - 3}`, big);
    asked += 2;
    answered += 2;
  }
  await until(
    () => client.heard.length >= answered * big.length,
    'all that may be written is',
    3000,
    1,
  );
  assert.equal(it.figures.slowReadersClosed, 0);
  assert.ok(client.heard === big.repeat(answered));
});

test('a skip while no replies are wanted leaves it at that', async () => {
  await using it = await rig();
  const client = it.client();
  client.say('CLIENT REPLY OFF', 'CLIENT REPLY SKIP', 'PING', 'PING', 'CLIENT REPLY ON');
  await client.hears('+OK\r\n');
});
