/**
 * 200 clients, four servers, everything that can go wrong. No reply may reach another request, nobody
 * may wait for ever, and the gateway may not grow.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, until } from '../support/bounded.ts';
import { startFaultyLink } from '../support/faulty-link.ts';
import { held } from '../support/leaks.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';
import { startRedises } from '../support/redis.ts';
import { shards, startTidegate, type Tidegate } from '../support/tidegate.ts';
import { bulk, encode, type Wire } from '../support/wire.ts';
import { startChaos } from './chaos.ts';
import { RequestMaker, SHARED_KEYS, sharedKey, short } from './requests.ts';

const CLIENTS = 200;
const DATABASES = 8;
const PIPELINE_MAX = 25;
/** Far above op_timeout, connect time-outs and retries together. */
const ANSWER_LIMIT_MS = 8000;
const SECONDS = secondsOfRun(20);
/**
 * Caches of the process fill in the first minute; a run shorter than two sees little else. Later V8 may still
 * put off collecting buffers until 64 MB of them wait, so one step is no growth: ten minutes show none at all.
 */
const GROWTH_MAX_MB = SECONDS >= 120 ? 48 : 96;

interface Tally {
  requests: number;
  replies: number;
  failures: number;
  kills: number;
  lost: number;
  readonly wrong: string[];
}

test(`${CLIENTS} clients for ${SECONDS} s: no stray reply, no hang, no growth`, {
  timeout: (SECONDS + 90) * 1000,
}, async (context) => {
  const seed = seedOfRun();
  context.diagnostic(`seed ${seed} (TIDEGATE_SEED=${seed} repeats the choices)`);
  await using servers = await startRedises(4);
  await using link0 = await startFaultyLink(servers[0]!.port);
  await using link1 = await startFaultyLink(servers[1]!.port);
  const addresses = [link0.address, link1.address, ...servers.addresses.slice(2)];
  await using gate = await startTidegate({
    ...shards(addresses, { op_timeout: '300ms', connect_timeout: '500ms' }),
    log: { level: 'warn', format: 'json' },
  });
  await fillDatabases(gate);

  const random = new Random(seed);
  const end = performance.now() + SECONDS * 1000;
  const tally: Tally = { requests: 0, replies: 0, failures: 0, kills: 0, lost: 0, wrong: [] };
  const isOver = (): boolean => performance.now() > end || tally.wrong.length > 0;
  const victims = { servers: Array.from(servers), links: [link0, link1] };
  const chaos = startChaos(new Random(random.next()), victims, isOver);
  const memory = watchMemory(gate, isOver);
  const clients = Array.from({ length: CLIENTS }, (_none, index) =>
    runClient(gate, index, new Random(random.next()), tally, isOver),
  );
  await Promise.all(clients);
  await chaos.ended;
  const samples = await memory;

  context.diagnostic(JSON.stringify({ ...tally, wrong: tally.wrong.length, chaos: chaos.counts }));
  context.diagnostic(
    `memory in MB: ${samples.map((bytes) => Math.round(bytes / 1048576)).join(' ')}`,
  );
  assert.deepEqual(tally.wrong, []);
  assert.equal(gate.exit, null);
  assert.ok(tally.replies > SECONDS * 500, `only ${tally.replies} replies`);
  assertFlat(samples);
  await assertWell(gate);
});

async function fillDatabases(gate: Tidegate): Promise<void> {
  for (let database = 0; database < DATABASES; database++) {
    await using wire = await gate.connect();
    await wire.ask('SELECT', database);
    const keys = Array.from({ length: SHARED_KEYS }, (_none, index) => sharedKey(index));
    await wire.expect('+OK\r\n', 'MSET', ...keys.flatMap((key) => [key, key]));
  }
}

/** One client's life: connect, talk, be killed now and then, connect again. */
async function runClient(
  gate: Tidegate,
  index: number,
  random: Random,
  tally: Tally,
  isOver: () => boolean,
): Promise<void> {
  for (let connection = 0; !isOver(); connection++) {
    const protocol = index % 2 === 0 ? 2 : 3;
    await using wire = await gate.connect({ protocol, timeoutMs: ANSWER_LIMIT_MS });
    // SELECT asks a server whether it has the database, so an outage may fail it.
    if ((await wire.ask('SELECT', index % DATABASES)) !== '+OK\r\n') continue;
    const maker = new RequestMaker(random, index, connection, protocol);
    const rounds = random.between(1, 60);
    for (let round = 0; round < rounds && !isOver(); round++) {
      if (!(await playPipeline(wire, maker, random, tally))) break;
      if (random.chance(20)) await sleep(random.below(20));
    }
  }
}

/** False: the connection is gone, by our own doing or theirs. */
async function playPipeline(
  wire: Wire,
  maker: RequestMaker,
  random: Random,
  tally: Tally,
): Promise<boolean> {
  const requests = maker.pipeline(PIPELINE_MAX);
  tally.requests += requests.length;
  const bytes = Buffer.concat(requests.map(({ args }) => encode(args)));
  if (random.chance(3)) {
    tally.kills++;
    wire.write(bytes.subarray(0, random.between(1, bytes.length)));
    if (random.chance(50)) await sleep(random.below(30));
    if (random.chance(50)) wire.reset();
    else wire.close();
    return false;
  }
  if (random.chance(10)) await writeInPieces(wire, bytes, random);
  else wire.write(bytes);
  for (const { args, check } of requests) {
    let reply: string;
    try {
      reply = await wire.read();
    } catch (error) {
      tally.lost++;
      // A connection that ends is an answer of a kind, though the gateway has no reason; silence is not.
      tally.wrong.push(
        `${args.join(' ').slice(0, 80)}: ${error instanceof Error ? error.message : error}`,
      );
      return false;
    }
    tally.replies++;
    if (reply.startsWith('-')) tally.failures++;
    const wrong = check(reply);
    if (wrong !== null) {
      tally.wrong.push(`${args.join(' ').slice(0, 120)}: ${wrong}, got ${short(reply)}`);
    }
  }
  return true;
}

async function writeInPieces(wire: Wire, bytes: Buffer, random: Random): Promise<void> {
  for (let start = 0; start < bytes.length; ) {
    const length = random.between(1, Math.max(2, bytes.length >> 2));
    wire.write(bytes.subarray(start, start + length));
    start += length;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function watchMemory(gate: Tidegate, isOver: () => boolean): Promise<number[]> {
  const samples: number[] = [];
  const everyMs = Math.max(250, (SECONDS * 1000) / 80);
  while (!isOver()) {
    await sleep(everyMs);
    if (gate.exit === null) samples.push(gate.memory());
  }
  return samples;
}

/** The last quarter against the second: the first is warming up. */
function assertFlat(samples: readonly number[]): void {
  const quarter = Math.floor(samples.length / 4);
  const median = (from: number): number =>
    samples.slice(from, from + quarter).toSorted((a, b) => a - b)[quarter >> 1] ?? 0;
  const grownMb = (median(3 * quarter) - median(quarter)) / 1048576;
  assert.ok(grownMb < GROWTH_MAX_MB, `memory grew by ${grownMb.toFixed(1)} MB`);
}

/** After the storm: every key can be written and read, and nobody holds what is not needed. */
async function assertWell(gate: Tidegate): Promise<void> {
  await using wire = await gate.connect();
  const keys = Array.from({ length: 100 }, (_none, index) => `calm:${index}`);
  const failing = new Set<string>();
  const areAllWell = async (): Promise<boolean> => {
    const replies = await wire.askAll(
      keys.flatMap((key) => [
        ['SET', key, key],
        ['GET', key],
      ]),
    );
    failing.clear();
    for (const [at, reply] of replies.entries()) {
      if (reply !== (at % 2 === 0 ? '+OK\r\n' : bulk(keys[at >> 1]!))) failing.add(reply);
    }
    return failing.size === 0;
  };
  await until(areAllWell, 'every key can be written and read', 8000, 100).catch((error: unknown) =>
    assert.fail(`${error}: ${[...failing].map(short)}`),
  );
  // One link per server, database and protocol, and nothing per client.
  const links = 4 * DATABASES * 2 + 20;
  await until(() => held(gate.pid).sockets < links, 'the sockets of all clients are closed');
}
