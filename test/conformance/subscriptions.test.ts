/**
 * Dialogues about subscriptions, held with a real server, with another one behind Tidegate and with its engine: the same bytes
 * must come back, confirmations, messages and replies in the same order.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../support/bounded.ts';
import { kept } from '../support/kept.ts';
import { startRedises } from '../support/redis.ts';
import { embedded, shards, startTidegate } from '../support/tidegate.ts';
import { replyEnd, type Target, Wire } from '../support/wire.ts';

/** One client's line: `name> command; command` in one write. Answers are read until all are quiet. */
type Dialogue = readonly string[];

const DIALOGUES: Readonly<Record<string, Dialogue>> = {
  'subscribing and leaving by name': [
    'a> SUBSCRIBE x y x',
    'b> PUBLISH x 1',
    'b> PUBLISH y ""',
    'a> UNSUBSCRIBE x nobody',
    'b> PUBLISH x 2',
    'b> PUBLISH y 3',
    'a> UNSUBSCRIBE y',
    'a> UNSUBSCRIBE',
    'a> GET x',
  ],
  'leaving without names': [
    'a> UNSUBSCRIBE',
    'a> PUNSUBSCRIBE',
    'a> SUNSUBSCRIBE',
    'a> SUBSCRIBE x',
    'a> PSUBSCRIBE p*',
    'a> SSUBSCRIBE s',
    'a> UNSUBSCRIBE',
    'a> PUNSUBSCRIBE',
    'a> SUNSUBSCRIBE',
    'a> UNSUBSCRIBE',
  ],
  'patterns beside channels': [
    'a> SUBSCRIBE news.art',
    'a> PSUBSCRIBE news.*',
    'a> PSUBSCRIBE news.* [m-o]ewt.??? h\\*y',
    'b> PUBLISH news.art 1',
    'b> PUBLISH news.law 2',
    'b> PUBLISH h*y 3',
    'b> PUBLISH hay 4',
    'b> PUBLISH newt.new 5',
    'a> PUNSUBSCRIBE news.* unknown',
    'b> PUBLISH news.law 5',
  ],
  'channels of slots are counted apart': [
    'a> SUBSCRIBE x',
    'a> SSUBSCRIBE x y',
    'b> SPUBLISH x shard',
    'b> PUBLISH x plain',
    'a> SUNSUBSCRIBE y',
    'a> SUNSUBSCRIBE',
    'a> UNSUBSCRIBE x',
  ],
  'what may be sent while subscribed': [
    'a> PING',
    'a> SUBSCRIBE x',
    'a> PING',
    'a> PING hello',
    'a> PING a b',
    'a> GET k',
    'a> get',
    'a> nonsense 1',
    'a> CLIENT GETNAME',
    'a> CLIENT NONSENSE',
    'a> ECHO hi',
    'a> PUBSUB NUMPAT',
    'a> SELECT 1',
    'a> PSUBSCRIBE',
    'a> CLUSTER NONSENSE',
    'a> RESET',
    'a> GET k',
    'a> PING hi',
    'a> SUBSCRIBE x',
    'a> QUIT',
  ],
  'only slot channels count as subscribed too': [
    'a> SSUBSCRIBE s',
    'a> GET k',
    'a> PING',
    'a> RESET',
  ],
  pipelines: [
    'a> SET k v; SUBSCRIBE x y; PING; SUBSCRIBE z; UNSUBSCRIBE x; PING',
    'b> PUBLISH x 1; PUBLISH y 2; PUBLISH z 3',
    'a> UNSUBSCRIBE y z; PING; GET k; SUBSCRIBE x; GET k; UNSUBSCRIBE x; GET k',
  ],
  'one hears oneself, behind a subscription in the same pipeline': [
    'a> HELLO 3; SUBSCRIBE x; PUBLISH x 1; SUBSCRIBE y; PUBLISH y 2; GET k; UNSUBSCRIBE x; PUBLISH x 4',
    'a> PUBLISH y 3',
    'a> SSUBSCRIBE s; SPUBLISH s 1',
    'a> PSUBSCRIBE ?; PUBLISH y 5',
  ],
  'changing the protocol while subscribed': [
    'a> HELLO 3 SETNAME me',
    'a> SUBSCRIBE x',
    'b> PUBLISH x 1',
    'a> CLIENT GETNAME',
    'a> HELLO 2 SETNAME me',
    'b> PUBLISH x 2',
    'a> GET k',
    'a> PING',
    'a> HELLO 3',
    'a> UNSUBSCRIBE x',
    'a> HELLO 3',
    'a> UNSUBSCRIBE',
  ],
  'silence does not silence messages': [
    'a> CLIENT REPLY OFF; SUBSCRIBE x; PING; PSUBSCRIBE y*',
    'b> PUBLISH x 1',
    'a> UNSUBSCRIBE x; PUNSUBSCRIBE; CLIENT REPLY ON',
    'a> CLIENT REPLY SKIP; SUBSCRIBE x; PING',
    'b> PUBLISH x 2',
  ],
  'numbers of receivers': [
    'b> PUBLISH x nobody',
    'a> SUBSCRIBE x',
    'c> SUBSCRIBE x y',
    'c> PSUBSCRIBE x*',
    'd> PSUBSCRIBE *',
    'b> PUBLISH x 1',
    'b> PUBLISH y 1',
    'b> PUBLISH z 1',
    'b> SPUBLISH x 1',
    'a> UNSUBSCRIBE x',
    'b> PUBLISH x 2',
    'c> RESET',
    'b> PUBLISH x 3',
    'd> RESET',
    'b> PUBLISH x 4',
  ],
  'questions about subscribers': [
    'b> PUBSUB CHANNELS',
    'b> PUBSUB NUMPAT',
    'a> SUBSCRIBE x',
    'c> SUBSCRIBE x',
    'c> PSUBSCRIBE x* y*',
    'a> PSUBSCRIBE x*',
    'c> SSUBSCRIBE s',
    'b> PUBSUB CHANNELS',
    'b> PUBSUB CHANNELS [a-w]',
    'b> PUBSUB CHANNELS [x-z]',
    'b> PUBSUB NUMSUB x y x',
    'b> PUBSUB NUMSUB',
    'b> PUBSUB NUMPAT',
    'b> PUBSUB SHARDCHANNELS',
    'b> PUBSUB SHARDCHANNELS x*',
    'b> PUBSUB SHARDNUMSUB s x',
    'c> RESET',
    'b> PUBSUB NUMSUB x',
    'b> PUBSUB NUMPAT',
    'b> PUBSUB SHARDCHANNELS',
    'a> RESET',
    'b> PUBSUB CHANNELS',
    'b> PUBSUB NUMPAT',
    'b> PUBSUB NONSENSE',
    'b> PUBSUB',
    'b> PUBSUB CHANNELS a b',
    'b> PUBSUB NUMPAT x',
    'b> PUBSUB HELP',
  ],
  'names that are no text': [
    'a> SUBSCRIBE "" \\xff\\x00\\r\\n',
    'b> PUBLISH "" 1',
    'b> PUBLISH \\xff\\x00\\r\\n \\x00\\xfe',
    'b> PUBSUB NUMSUB \\xff\\x00\\r\\n',
  ],
  'wrong numbers of arguments': [
    'a> SUBSCRIBE',
    'a> SSUBSCRIBE',
    'a> PUBLISH x',
    'a> PUBLISH x y z',
    'a> SPUBLISH x',
  ],
};

const servers = kept(await startRedises(2));
const gate = kept(await startTidegate(shards([servers[1]!.address])));
const engine = kept(await startTidegate(embedded()));

for (const protocol of [2, 3] as const) {
  for (const [name, dialogue] of Object.entries(DIALOGUES)) {
    test(`${name}: RESP${protocol}, the same bytes as from a server`, async () => {
      const [direct, through, inside] = await Promise.all([
        hold(dialogue, { port: servers[0]!.port }, protocol),
        hold(dialogue, gate.target(), protocol),
        hold(dialogue, engine.target(), protocol),
      ]);
      assert.deepEqual(through, direct);
      assert.deepEqual(inside, direct, 'the embedded engine');
      await until(isForgotten, 'both servers have forgotten the clients');
      await engine.ask('FLUSHALL');
      await servers.flush();
    });
  }
}

async function isForgotten(): Promise<boolean> {
  const left = await Promise.all(
    Array.from(servers, async (server) => [
      await server.ask('PUBSUB', 'CHANNELS'),
      await server.ask('PUBSUB', 'SHARDCHANNELS'),
      await server.ask('PUBSUB', 'NUMPAT'),
    ]),
  );
  return left.flat().every((reply) => reply === '*0\r\n' || reply === ':0\r\n');
}

/** Each line with what every client has heard when all is quiet. */
async function hold(dialogue: Dialogue, target: Target, protocol: 2 | 3): Promise<string[]> {
  const clients = new Map<string, Client>();
  const script: string[] = [];
  try {
    for (const line of dialogue) {
      const [name, commands] = line.split('> ') as [string, string];
      let client = clients.get(name);
      if (client === undefined) {
        client = new Client(await Wire.connect(target, { protocol }));
        clients.set(name, client);
      }
      client.wire.write(commands.split('; ').map(encodeLine).join(''));
      await quiet([...clients.values()], client);
      const heard = [...clients].map(([who, each]) => `${who}: ${each.take()}`);
      script.push(line, ...heard);
    }
  } finally {
    for (const { wire } of clients.values()) wire.close();
  }
  return script;
}

/** All that a connection brings, without framing it. */
class Client {
  readonly wire: Wire;
  heard = '';

  constructor(wire: Wire) {
    this.wire = wire;
    wire.socket.removeAllListeners('data');
    wire.socket.on('data', (chunk: Buffer) => {
      this.heard += chunk.toString('latin1');
    });
  }

  /** What HELLO says of the server is Tidegate's own. */
  take(): string {
    const { heard } = this;
    this.heard = '';
    return JSON.stringify(
      heard.replace(/[%*]\d+\r\n\$6\r\nserver.*?modules\r\n\*0\r\n/s, '<hello>'),
    );
  }
}

const QUIET_MS = 60;
/** Who has asked is answered sooner or later, unless he is not to be: a busy machine needs its time. */
const SILENT_MS = 1000;

/** Nobody has heard anything for a while, and `asker` has heard something, if not only silence. */
async function quiet(clients: readonly Client[], asker: Client): Promise<void> {
  let before = '';
  let since = performance.now();
  await until(
    () => {
      const now = clients.map(({ heard }) => heard.length).join();
      if (now !== before) since = performance.now();
      before = now;
      const isWhole = clients.every(({ heard }) => isFramed(heard));
      const limit = asker.heard === '' && !asker.wire.closed ? SILENT_MS : QUIET_MS;
      return isWhole && performance.now() - since > limit;
    },
    'all are quiet',
    5000,
    5,
  );
}

function isFramed(heard: string): boolean {
  const bytes = Buffer.from(heard, 'latin1');
  let at = 0;
  while (at >= 0 && at < bytes.length) at = replyEnd(bytes, at);
  return at === bytes.length;
}

/** `""` is the empty word; `\xff`, `\r` and `\n` are bytes. */
function encodeLine(line: string): string {
  const words = line.split(' ').map((word) =>
    word === '""'
      ? ''
      : word
          .replace(/\\x([0-9a-f]{2})/g, (_all, hex: string) =>
            String.fromCharCode(parseInt(hex, 16)),
          )
          .replaceAll('\\r', '\r')
          .replaceAll('\\n', '\n'),
  );
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}
