/**
 * `npm run bench`: direct Redis, Tidegate, nutcracker, Envoy and further proxies side by side on loopback, in one
 * run; everything it needs is started, and ended, by itself. `npm run bench -- --help` lists the options.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { obtainEnvoy } from '../test/peers/envoy.ts';
import { ensureTools } from '../test/support/install.ts';
import { freePort } from '../test/support/ports.ts';
import { judge, verdictText } from './acceptance.ts';
import { acceptanceLoads, allLoads, type Load } from './loads.ts';
import { type LoadResult, measureLoads, measureSizes, type Settings } from './measure.ts';
import { direct, envoy, nutcracker, type Peer, peerFromText, tidegate } from './peers.ts';
import { describeMachine, isInstalled, raiseOpenFiles } from './process.ts';
import { markdown } from './report.ts';

const RESULTS = path.join(import.meta.dirname, 'RESULTS.md');
const IDLE_CLIENTS = 10_000;
const HELP = `npm run bench -- [options]
  --quick              only what the acceptance lines on speed and size speak of; writes nothing
  --only REGEX         only loads whose name matches, for example '4 shards, MGET'
  --peers A,B          only these of direct, tidegate, nutcracker, envoy (and those of --peer)
  --peer NAME=COMMAND  one more proxy; {listen}, {port} and {servers} are filled in; may be repeated
  --rounds N           rounds per load (3)
  --seconds S          seconds per run (1)
  --pin                peers on core 0, servers and load on core 1, instead of leaving it to the kernel
  --no-size            without start times and idle clients
  --no-write           leaves bench/RESULTS.md alone
  TIDEGATE_ENVOY=PATH  takes this Envoy instead of installing one for the run`;

const { values: options } = parseArgs({
  allowNegative: true,
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    peers: { type: 'string', default: '' },
    peer: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '1' },
    pin: { type: 'boolean', default: false },
    size: { type: 'boolean', default: true },
    write: { type: 'boolean', default: true },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) console.log(HELP);
else await main();

async function main(): Promise<void> {
  await ensureTools('redis-server');
  const missing: string[] = [];
  await using stack = new AsyncDisposableStack();
  const peers = await findPeers(missing, stack);
  for (const sentence of missing) console.log(`missing: ${sentence}`);
  const settings = readSettings(missing);
  const pattern = new RegExp(options.only, 'i');
  const loads = (options.quick ? acceptanceLoads() : allLoads()).filter(({ name }) =>
    pattern.test(name),
  );
  const sizes = options.size ? await measureSizes(peers, settings) : new Map();
  const results: LoadResult[] = [];
  for (const shards of [1, 4]) {
    const own = loads.filter((load: Load) => load.shards === shards);
    results.push(...(await measureLoads(peers, own, sizes, settings)));
  }
  const verdicts = judge(results, sizes);
  for (const verdict of verdicts) console.log(verdictText(verdict));
  if (options.quick || !options.write) return;
  const subjects = peers.map(({ name, version }) => ({ name, version }));
  const machine = describeMachine();
  const facts = { ...settings, only: options.only, machine, subjects, missing };
  writeFileSync(RESULTS, markdown({ ...facts, results, sizes, verdicts }));
}

function readSettings(missing: string[]): Settings {
  const rounds = Number(options.rounds);
  const seconds = Number(options.seconds);
  if (!(Number.isInteger(rounds) && rounds > 0 && seconds > 0)) {
    throw new Error('--rounds takes a whole number from 1 on, --seconds a number above 0');
  }
  const files = raiseOpenFiles(IDLE_CLIENTS + 2000);
  const idleClients = Math.min(IDLE_CLIENTS, files - 2000);
  if (idleClients < IDLE_CLIENTS) {
    missing.push(`only ${files} open files are allowed, so ${idleClients} idle clients`);
  }
  // The quick form says nothing but the verdicts.
  const say = options.quick ? (): void => undefined : console.log;
  return { rounds, seconds, pinned: options.pin, idleClients, say };
}

/** Peers that are here or can be had; `missing` gets a sentence for each other one. */
async function findPeers(missing: string[], stack: AsyncDisposableStack): Promise<Peer[]> {
  const wanted = options.peers.toLowerCase().split(',').filter(Boolean);
  const isWanted = (name: string): boolean => wanted.length === 0 || wanted.includes(name);
  const peers: Peer[] = [];
  if (isWanted('direct')) peers.push(direct);
  if (isWanted('tidegate')) peers.push(tidegate);
  if (isWanted('nutcracker')) {
    if (haveNutcracker()) peers.push(nutcracker(await freePort()));
    else missing.push('nutcracker; install the Debian package of that name');
  }
  if (isWanted('envoy')) {
    try {
      peers.push(envoy(stack.use(await obtainEnvoy())));
    } catch (error) {
      missing.push(`Envoy; ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  peers.push(...options.peer.map(peerFromText));
  return peers;
}

function haveNutcracker(): boolean {
  if (isInstalled('nutcracker')) return true;
  if (process.getuid?.() !== 0) return false;
  // Installing must not start the service that comes with the package.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  spawnSync('apt-get', ['install', '-y', '-q', 'nutcracker'], { env, timeout: 240_000 });
  return isInstalled('nutcracker');
}
