/**
 * Reload after reload while clients talk and come and go. Every file places keys alike, so every reply is
 * known in advance: none may be lost or wrong, nobody may be turned away, and nothing may pile up.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, until } from '../support/bounded.ts';
import { held } from '../support/leaks.ts';
import { freePort } from '../support/ports.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';
import { type RedisGroup, startRedises } from '../support/redis.ts';
import { configAt, freePlaces, metric, type Places, reload, startAt } from '../support/reload.ts';
import type { Section, TestConfig, Tidegate } from '../support/tidegate.ts';
import { type Argument, bulk, encode } from '../support/wire.ts';

const RELOADS = secondsOfRun(0) > 0 ? 1000 : 60;
const TALKERS = 8;
const COMERS = 4;
const PIPELINE_MAX = 30;
const PASSWORD = 'p';
/** Long runs show a leak of some kilobytes per reload; a short one only sees caches fill. */
const GROWTH_MAX_MB = RELOADS >= 1000 ? 32 : 96;

interface Tally {
  replies: number;
  connections: number;
  readonly wrong: string[];
}

for (const workers of [1, 2]) {
  test(`${RELOADS} reloads under load, ${workers} worker(s): nobody notices`, {
    timeout: 60_000 + RELOADS * 400,
  }, async (context) => {
    const seed = seedOfRun();
    context.diagnostic(`seed ${seed}`);
    await using servers = await startRedises(3);
    const places = await freePlaces();
    const files = makeFiles(places, servers, await freePort(), workers);
    await using gate = await startAt(files[0]!);

    const tally: Tally = { replies: 0, connections: 0, wrong: [] };
    let isOver = false;
    const random = new Random(seed);
    const clients = [
      ...Array.from({ length: TALKERS }, (_none, index) =>
        talk(gate, index, new Random(random.next()), tally, () => isOver),
      ),
      ...Array.from({ length: COMERS }, (_none, index) =>
        comeAndGo(gate, index, tally, () => isOver),
      ),
    ];
    const everybody = Promise.all(clients);
    const memory: number[] = [];
    try {
      for (let count = 1; count <= RELOADS && tally.wrong.length === 0; count++) {
        const { status, body } = await reload(gate, files[count % files.length]!);
        if (status !== 200) tally.wrong.push(`reload ${count}: ${status} ${body}`);
        memory.push(gate.memory());
      }
    } finally {
      isOver = true;
      await everybody;
    }
    context.diagnostic(JSON.stringify({ ...tally, wrong: tally.wrong.length }));
    context.diagnostic(`memory in MB: ${tenOf(memory).map(megabytes).join(' ')}`);
    assert.deepEqual(tally.wrong, []);
    assert.ok(tally.replies > RELOADS * 20, `only ${tally.replies} replies`);
    assert.ok(tally.connections > RELOADS, `only ${tally.connections} connections`);
    const applied = 'tidegate_config_reloads_total{result="applied"}';
    assert.equal(await metric(gate, applied), RELOADS);
    const grown = median(memory.slice(-memory.length / 4)) - median(quarter(memory));
    assert.ok(grown < GROWTH_MAX_MB * 1048576, `memory grew by ${megabytes(grown)} MB`);
    await assertNothingHeld(gate, servers, files[0]!, workers);
  });
}

/** Alike in where keys are and who may come in; different in everything else. */
function makeFiles(
  places: Places,
  servers: RedisGroup,
  sidePort: number,
  workers: number,
): TestConfig[] {
  const [one, two, three] = servers.addresses;
  const shared = { servers: [one!, two!], op_timeout: '5s' };
  const alone = { servers: [three!], op_timeout: '5s' };
  const user = { name: 'default', password: PASSWORD };
  const guest = { name: 'guest', password: PASSWORD, keys: ['guest:*'] };
  const rest = { workers, log: { level: 'warn', format: 'json' } };
  const routes = (main: string, side: string): Section[] => [
    { prefix: 'side:', upstream: side },
    { prefix: '', upstream: main },
  ];
  const plain = configAt(
    places,
    { main: shared, side: alone },
    { users: [user], routes: routes('main', 'side') },
    rest,
  );
  const changed = configAt(
    places,
    { main: { ...shared, op_timeout: '6s', connections: 2 }, side: alone, other: alone },
    { users: [user, guest], routes: routes('main', 'other'), max_connections: 5000 },
    rest,
  );
  const moved = configAt(
    places,
    { fresh: shared, side: { ...alone, retry: { reads: 2 } } },
    { users: [guest, user], routes: routes('fresh', 'side'), custom_commands: ['foo.get'] },
    rest,
  );
  const door = { listen: `127.0.0.1:${sidePort}`, routes: routes('fresh', 'side') };
  return [plain, changed, { ...moved, listeners: { ...moved.listeners, door } }];
}

interface Request {
  readonly args: readonly Argument[];
  readonly reply: string;
}

/** One connection for the whole run, always with a pipeline under way. */
async function talk(
  gate: Tidegate,
  index: number,
  random: Random,
  tally: Tally,
  isOver: () => boolean,
): Promise<void> {
  const values = new Map<string, string>();
  await using wire = await gate.connect({ auth: [PASSWORD], timeoutMs: 10_000 });
  let count = 0;
  const nextValue = (): string => `${index}.${++count}`;
  try {
    while (!isOver() && tally.wrong.length === 0) {
      const requests = Array.from({ length: random.between(1, PIPELINE_MAX) }, () =>
        makeRequest(index, random, values, nextValue),
      );
      wire.write(Buffer.concat(requests.map(({ args }) => encode(args))));
      for (const { args, reply } of requests) {
        const actual = await wire.read();
        tally.replies++;
        if (actual !== reply) tally.wrong.push(`${args.join(' ')}: ${JSON.stringify(actual)}`);
      }
    }
  } catch (error) {
    tally.wrong.push(`client ${index}: ${error}`);
  }
}

/** Keys are this client's alone, so what a read must find is what it last wrote. */
function makeRequest(
  index: number,
  random: Random,
  values: Map<string, string>,
  nextValue: () => string,
): Request {
  const key = (): string => `${random.pick(['', 'side:'])}k:${index}:${random.below(20)}`;
  const stored = (name: string): string => {
    const value = values.get(name);
    return value === undefined ? '$-1\r\n' : bulk(value);
  };
  switch (random.below(3)) {
    case 0: {
      const [name, value] = [key(), nextValue()];
      values.set(name, value);
      return { args: ['SET', name, value], reply: '+OK\r\n' };
    }
    case 1: {
      const name = key();
      return { args: ['GET', name], reply: stored(name) };
    }
    default: {
      const names = Array.from({ length: random.between(2, 6) }, key);
      const elements = names.map(stored).join('');
      return { args: ['MGET', ...names], reply: `*${names.length}\r\n${elements}` };
    }
  }
}

async function comeAndGo(
  gate: Tidegate,
  index: number,
  tally: Tally,
  isOver: () => boolean,
): Promise<void> {
  for (let count = 0; !isOver() && tally.wrong.length === 0; count++) {
    try {
      await using wire = await gate.connect({ auth: [PASSWORD], timeoutMs: 10_000 });
      tally.connections++;
      const value = `${index}:${count}`;
      await wire.expect('+OK\r\n', 'SET', `come:${index}`, value);
      await wire.expect(bulk(value), 'GET', `come:${index}`);
      await sleep(2);
    } catch (error) {
      tally.wrong.push(`newcomer ${index}: ${error}`);
    }
  }
}

/** Links of the last file and nothing of those before. */
async function assertNothingHeld(
  gate: Tidegate,
  servers: RedisGroup,
  first: TestConfig,
  workers: number,
): Promise<void> {
  assert.equal((await reload(gate, first)).status, 200);
  const linksOf = async (): Promise<number[]> =>
    await Promise.all(
      Array.from(servers, async (server) => {
        const list = String(await server.value('CLIENT', 'LIST'));
        // One line is that of whoever asks.
        return list.trimEnd().split('\n').length - 1;
      }),
    );
  const isClean = async (): Promise<boolean> =>
    (await linksOf()).every((links) => links === workers);
  await until(isClean, `one link per server and worker, not ${await linksOf()}`);
  // Links, one listening socket per worker, the admin port with its connections, and the pipes of a process.
  await until(() => held(gate.pid).sockets <= workers * 4 + 8, 'no other socket is held');
}

function quarter(samples: readonly number[]): number[] {
  return samples.slice(samples.length / 4, samples.length / 2);
}

function median(samples: readonly number[]): number {
  return samples.toSorted((a, b) => a - b)[samples.length >> 1] ?? 0;
}

function tenOf(samples: readonly number[]): number[] {
  const step = Math.max(1, Math.floor(samples.length / 10));
  return samples.filter((_sample, index) => index % step === 0);
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1048576);
}
