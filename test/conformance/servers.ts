/**
 * The commands of `bytes/` and `servers/` to one server, and through the door to four shards and to a cluster of
 * three primaries with a replica each: which replies are the same, and of the others why not.
 *
 *   node test/conformance/servers.ts           prints what has no reason, exit code 1 if there is any
 *   node test/conformance/servers.ts --write   writes data/commands-run.json too, from which `npm run generate` makes
 *                                              the columns of docs/commands.md
 *
 * Keys of a file in `bytes/` get a hash tag that is the name of the file, for all deployments alike: they live on
 * one server, as the commands there need it. Files in `servers/` are played as they stand.
 */
import { writeFileSync } from 'node:fs';
import {
  type CommandRun,
  RUN_FILE,
  type Run,
  type Tally,
} from '../../scripts/generate-commands.ts';
import { Command } from '../../src/commands/command.ts';
import { KeyPositions, keysOf, sortPatternsOf } from '../../src/commands/keys.ts';
import { BUILT_IN, UNKNOWN } from '../../src/commands/lookup.ts';
import type { CommandSpec } from '../../src/commands/spec.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { type RedisGroup, startRedis, startRedises, type TestRedis } from '../support/redis.ts';
import { cluster, shards, startTidegate } from '../support/tidegate.ts';
import { encode, type Target } from '../support/wire.ts';
import { type Case, caseFiles, type Deployment, readCases } from './cases.ts';
import { masked, type Protocol, show, talk } from './play.ts';

const SHARDS = 4;
/** By the order of the servers, not by their ports: which keys are apart is then the same in every run. */
const PLACED = { hash_tags: true, distribution: 'modula' };
const DEPLOYMENTS: readonly Deployment[] = ['shards', 'cluster'];

export interface Result {
  readonly run: Run;
  /** Differences without a reason, and reasons without a difference. */
  readonly faults: readonly string[];
}

interface Servers {
  readonly alone: TestRedis;
  readonly shards: RedisGroup;
  readonly cluster: TestCluster;
  readonly doors: Readonly<Record<Deployment, Target>>;
}

type Replies = Readonly<Record<'alone' | Deployment, readonly string[]>>;

export async function compareEverywhere(): Promise<Result> {
  await using alone = await startRedis();
  await using four = await startRedises(SHARDS);
  // Nobody fails here on purpose: a busy machine must not make nodes believe so.
  await using nodes = await startCluster({ nodeTimeoutMs: 30_000 });
  await using toShards = await startTidegate(shards(four.addresses, PLACED));
  await using toCluster = await startTidegate(cluster(nodes.addresses));
  const doors = { shards: toShards.target(), cluster: toCluster.target() };
  const servers: Servers = { alone, shards: four, cluster: nodes, doors };
  const version = /redis_version:(\S+)/.exec(String(await alone.value('INFO', 'server')))?.[1];
  const tallies = new Map<string, CommandRun>();
  const faults: string[] = [];
  for (const cases of batches()) {
    const [two, three] = [await play(cases, servers, 2), await play(cases, servers, 3)];
    for (const [index, one] of cases.entries()) {
      for (const where of DEPLOYMENTS) faults.push(...judge(one, index, where, [two, three]));
      for (const { name } of specsOf(one)) tally(tallies, name, one);
    }
  }
  const commands = Object.fromEntries(
    [...tallies].sort(([left], [right]) => (left < right ? -1 : 1)),
  );
  return { run: { server: version ?? '', commands }, faults };
}

function batches(): Case[][] {
  return [
    ...caseFiles().map((file) => readCases(file).map((one) => tagged(one, file))),
    ...caseFiles('servers').map((file) => readCases(file, 'servers')),
  ];
}

/** Every deployment begins with nothing in it. */
async function play(
  cases: readonly Case[],
  servers: Servers,
  protocol: Protocol,
): Promise<Replies> {
  const owners = [servers.alone, ...servers.shards, ...servers.cluster.primaries];
  const emptied = owners.map(async (server) => {
    await server.ask('FLUSHALL');
    await server.ask('SCRIPT', 'FLUSH');
    await server.ask('FUNCTION', 'FLUSH');
  });
  await Promise.all(emptied);
  const [alone, ...others] = await Promise.all([
    talk(cases, { port: servers.alone.port }, protocol, 1),
    ...DEPLOYMENTS.map((where) => talk(cases, servers.doors[where], protocol, 1)),
  ]);
  return { alone, shards: others[0]!, cluster: others[1]! };
}

/** What is wrong with a case: a difference that has no reason, or a reason that has no difference. */
function judge(
  one: Case,
  index: number,
  where: Deployment,
  protocols: readonly Replies[],
): string[] {
  const reason = reasonOf(one, where);
  const pairs = protocols.map(
    (replies) => [replies.alone[index]!, replies[where][index]!] as const,
  );
  const different = pairs.filter(
    ([alone, found]) => masked(alone, one.mask) !== masked(found, one.mask),
  );
  if (reason === null) {
    return different.map(
      ([alone, found]) =>
        `${one.name}, ${where}\n    server:   ${show(alone)}\n    tidegate: ${show(found)}`,
    );
  }
  if (different.length === 0) return [`${one.name}, ${where}: the same, though "${reason}"`];
  // A reason that begins with an error's code promises this error.
  const code = /^([A-Z]+): /.exec(reason)?.[1];
  const promised = code === undefined ? /^[-+:$*%~_#,(=!>]/ : new RegExp(`(^|\\n)-${code} `);
  return pairs
    .filter(([, found]) => !promised.test(found))
    .map(([, found]) => `${one.name}, ${where}: not "${reason}": ${show(found)}`);
}

/** What its file says, or the table of a command that is refused. */
function reasonOf(one: Case, where: Deployment): string | null {
  const noted = one.here ?? one.apart[where];
  if (noted !== null) return noted;
  return specsOf(one)[0]?.why ?? null;
}

function tally(tallies: Map<string, CommandRun>, name: string, one: Case): void {
  const known = tallies.get(name) ?? { cases: 0, shards: emptyTally(), cluster: emptyTally() };
  tallies.set(name, known);
  known.cases++;
  for (const where of DEPLOYMENTS) {
    const to = known[where];
    const reason = reasonOf(one, where);
    if (reason === null) to[one.mask === 'none' ? 'same' : 'figures']++;
    else if (!to.apart.includes(reason)) to.apart.push(reason);
  }
}

function emptyTally(): Tally {
  return { same: 0, figures: 0, apart: [] };
}

/**
 * The command of a case. Bytes that are sent as they are may hold several: the first, and those that the door treats
 * as it treats the first, so a transaction counts for its EXEC but not for what runs inside.
 */
function specsOf(one: Case): CommandSpec[] {
  if (one.words.length > 0) return knownOf([one.words]);
  const lines = one.bytes.toString('latin1').split('\r\n');
  const found = knownOf(lines.map((line) => line.split(' ')));
  return [...new Set(found)].filter(({ door }) => door === found[0]?.door);
}

function knownOf(commands: readonly (readonly string[])[]): CommandSpec[] {
  return commands.map((words) => commandOf(words).spec).filter((spec) => spec !== UNKNOWN);
}

function commandOf(words: readonly string[]): Command {
  const command = new Command(UNKNOWN, Buffer.alloc(0));
  command.fill(words.map((word) => Buffer.from(word, 'latin1')));
  command.spec = BUILT_IN.resolve(command) ?? UNKNOWN;
  return command;
}

/** The same with its keys on the server of the file's tag. */
function tagged(one: Case, file: string): Case {
  if (one.words.length === 0) return one;
  const tag = `{${file.replace('.txt', '')}}`;
  const command = commandOf(one.words);
  const words = [...one.words];
  const sorts = /^sort(_ro)?$/.test(command.spec.name);
  for (const find of sorts ? [keysOf, sortPatternsOf] : [keysOf]) {
    const found = find(command, new KeyPositions());
    for (const index of found.indexes.subarray(0, found.count)) words[index] = tag + words[index];
  }
  return { ...one, words, bytes: encode(words) };
}

/** A line for each command, so that changes can be read. */
export function written({ server, commands }: Run): string {
  const lines = Object.entries(commands).map(
    ([name, each]) => `${JSON.stringify(name)}: ${JSON.stringify(each)}`,
  );
  return `{"server": ${JSON.stringify(server)}, "commands": {\n${lines.join(',\n')}\n}}\n`;
}

if (import.meta.main) {
  const { run, faults } = await compareEverywhere();
  for (const fault of faults) process.stdout.write(`${fault}\n`);
  process.stdout.write(`${faults.length} without a reason\n`);
  if (process.argv.includes('--write')) {
    writeFileSync(RUN_FILE, written(run));
  }
  process.exitCode = faults.length === 0 ? 0 : 1;
}
