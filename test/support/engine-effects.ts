/** What commands do beside their reply, compared with a real server: events, the file, encodings. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from '../../src/commands/command.ts';
import type { Call } from '../../src/engine/call.ts';
import type { Client } from '../../src/engine/client.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { Database } from '../../src/engine/keyspace.ts';
import type { Settings } from '../../src/engine/settings.ts';
import { ENCODING_NAMES, Kind } from '../../src/engine/types.ts';
import { EngineClient } from './engine.ts';
import type { Random } from './random.ts';
import { startRedis, type TestRedis } from './redis.ts';
import { decode, replyEnd, type Wire } from './wire.ts';

/** An engine that writes down what it tells others. */
class RecordingEngine extends Engine {
  readonly events: string[] = [];
  readonly file: string[][] = [];

  override get isKept(): boolean {
    return true;
  }

  override notify(
    _kind: number,
    event: string,
    _database: Database,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    this.events.push(`${event} ${bytes.toString('latin1', start, end)}`);
  }

  override execute(call: Call, command: Command, client: Client): void {
    super.execute(call, command, client);
    if (call.dirty === 0) return;
    const own = Array.from({ length: command.argc }, (_none, i) => command.arg(i));
    for (const words of call.rewritten ?? [own]) {
      this.file.push(
        words.map((word) => (typeof word === 'string' ? word : word.toString('latin1'))),
      );
    }
  }
}

export interface Effects {
  readonly random: Random;
  readonly rounds: number;
  readonly next: (random: Random) => readonly string[];
  /** Keys of strings whose encoding is compared after each command. */
  readonly keys: readonly string[];
  /** The same settings for both, by the names of each. */
  readonly config?: Readonly<Record<string, string>>;
  readonly settings?: Partial<Settings>;
  /** Commands of the file that are compared; default: all. */
  readonly isWritten?: (words: readonly string[]) => boolean;
}

/** A key that holds no string at the beginning, on either side. */
export const LIST = 'list';

const BATCH = 100;
const CONFIG = {
  appendonly: 'yes',
  // With it, a write may be put off while one goes to the disk.
  appendfsync: 'no',
  'aof-use-rdb-preamble': 'no',
  'auto-aof-rewrite-percentage': '0',
  'notify-keyspace-events': 'Eg$lshztnm',
};

export async function compareEffects(effects: Effects): Promise<void> {
  const { random, rounds, next, keys, isWritten = () => true } = effects;
  await using server = await startRedis({ config: { ...CONFIG, ...effects.config } });
  await using wire = await server.connect();
  await using listener = await server.connect();
  await listener.ask('PSUBSCRIBE', '__keyevent@0__:*');
  const engine = new RecordingEngine();
  // All of them, or it would not even be told.
  engine.notifyFlags = -1;
  Object.assign(engine.settings, effects.settings);
  const client = new EngineClient(engine);
  await wire.ask('RPUSH', LIST, 'x');
  client.ask(['RPUSH', LIST, 'x']);
  engine.changes = statistic(await wire.ask('INFO', 'persistence'), 'rdb_changes_since_last_save');
  const history: string[] = [];
  /** What the server counts of our own questions. */
  const asked = { hits: 0, misses: 0 };
  for (let done = 0; done < rounds; done += BATCH) {
    for (let i = 0; i < BATCH; i++) {
      const words = next(random);
      history.push(words.map((word) => JSON.stringify(word)).join(' '));
      const message = `seed ${random.seed}: ${history.slice(-8).join('\n  ')}`;
      const encodings = keys.map((key) => ['OBJECT', 'ENCODING', key]);
      const [wanted, info, ...known] = await wire.askAll([
        [...words],
        ['INFO', 'everything'],
        ...encodings,
      ]);
      assert.equal(client.ask(words), wanted, message);
      assert.equal(engine.changes, statistic(info!, 'rdb_changes_since_last_save'), message);
      assert.deepEqual(lookups(engine, asked), lookupsIn(info!), `hits and misses, ${message}`);
      for (const [index, key] of keys.entries()) {
        const encoding = decode(known[index]!);
        asked[encoding === null ? 'misses' : 'hits']++;
        assert.equal(encodingOf(engine, key), encoding, `${key}, ${message}`);
      }
    }
    const events = await eventsOf(listener, wire);
    assert.deepEqual(
      engine.events.splice(0),
      events,
      `seed ${random.seed}: ${history.slice(-BATCH).join('\n  ')}`,
    );
  }
  const kept = fileOf(server).filter(isWritten).map(timeless);
  const own = engine.file.filter(isWritten).map(timeless);
  for (const [index, words] of own.entries()) {
    assert.deepEqual(words, kept[index], `seed ${random.seed}, command ${index} of the file`);
  }
  assert.equal(own.length, kept.length);
}

function encodingOf(engine: Engine, key: string): string | null {
  const database = engine.databases[0]!;
  const entry = database.find(Buffer.from(key, 'latin1'), 0, key.length);
  if (entry < 0) return null;
  if (database.kindOf(entry) !== Kind.string) return database.objectOf(entry).encoding;
  return ENCODING_NAMES[database.encodingOf(entry)]!;
}

interface Lookups {
  readonly hits: number;
  readonly misses: number;
}

function lookups(engine: Engine, asked: Lookups): Lookups {
  const { hits, misses } = engine.databases[0]!;
  return { hits: hits + asked.hits, misses: misses + asked.misses };
}

function lookupsIn(info: string): Lookups {
  return { hits: statistic(info, 'keyspace_hits'), misses: statistic(info, 'keyspace_misses') };
}

function statistic(info: string, name: string): number {
  return Number(new RegExp(`${name}:(\\d+)`).exec(info)![1]);
}

const END = '__keyevent@0__:end';

async function eventsOf(listener: Wire, wire: Wire): Promise<string[]> {
  await wire.ask('PUBLISH', END, '');
  const events: string[] = [];
  while (true) {
    const [, , channel, key] = decode(await listener.read()) as string[];
    if (channel === END) return events;
    events.push(`${channel!.slice(channel!.indexOf(':') + 1)} ${key}`);
  }
}

function fileOf(server: TestRedis): string[][] {
  const folder = path.join(server.directory, 'appendonlydir');
  const name = readdirSync(folder).find((file) => file.endsWith('.incr.aof'))!;
  const bytes = readFileSync(path.join(folder, name));
  const commands: string[][] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = replyEnd(bytes, at);
    commands.push(decode(bytes.toString('latin1', at, end)) as string[]);
    at = end;
  }
  // Several commands that one has become stand between MULTI and EXEC there.
  const around = ['SELECT', 'MULTI', 'EXEC'];
  return commands.filter(([word]) => !around.includes(word ?? ''));
}

/** The two clocks are not the same: times of this age are equal. */
function timeless(words: readonly string[]): string[] {
  const [name = '', ...rest] = words;
  return [name.toUpperCase(), ...rest.map((word) => (/^1[78]\d{11}$/.test(word) ? 'T' : word))];
}
