/**
 * The same requests to Envoy and to Tidegate in front of the same four servers, and to one server alone:
 *
 *   node test/peers/envoy-differential.ts            prints a report in Markdown
 *   node test/peers/envoy-differential.ts --write    writes it to docs/envoy-differences.md
 *
 * Where Envoy and we differ, the lone server says who is right. Every difference falls under a reason of the list
 * below; exit code 1 if one does not.
 */
import { writeFileSync } from 'node:fs';
import { type Case, caseFiles, readCases } from '../conformance/cases.ts';
import { masked, show, talk } from '../conformance/play.ts';
import { isFree as isFreePort } from '../support/ports.ts';
import { Random } from '../support/random.ts';
import { RedisGroup, startRedis } from '../support/redis.ts';
import { shards, startTidegate } from '../support/tidegate.ts';
import { encode } from '../support/wire.ts';
import { obtainEnvoy, startEnvoy } from './envoy.ts';

const SERVERS = 4;
/** Other tests take lower ones, the kernel gives away higher ones. */
const FIRST_PORT = 30_101;
const RANDOM_REQUESTS = 1000;
const SEED = 20261121;
const EXAMPLES_MAX = 6;
const PAGE = new URL('../../docs/envoy-differences.md', import.meta.url);

interface Outcome {
  readonly request: Case;
  readonly alone: string;
  readonly envoy: string;
  readonly ours: string;
}

interface Reason {
  readonly title: string;
  readonly why: string;
  readonly applies: (outcome: Outcome) => boolean;
}

const isOurs = ({ ours, alone, request }: Outcome): boolean =>
  masked(ours, request.mask) === masked(alone, request.mask);

/** In order: the first that applies is the reason. */
const REASONS: readonly Reason[] = [
  {
    title: 'Envoy does not know the command',
    why: 'Here it is answered as by one server.',
    applies: (outcome) => isOurs(outcome) && outcome.envoy.startsWith('-ERR unknown command'),
  },
  {
    title: 'Envoy refuses by its own count of arguments, or in its own words',
    why: 'Here the text is the one Redis gives, so that clients that read it understand it.',
    applies: (outcome) =>
      isOurs(outcome) && /^-(invalid request|wrong number of arguments|ERR)/.test(outcome.envoy),
  },
  {
    title: 'Envoy answers something else than a server',
    why: 'Here the reply is that of one server, byte for byte.',
    applies: isOurs,
  },
  {
    title: 'Keys of several servers in a command that cannot be split',
    why: 'Envoy sends it to the server of the first key, where the others are not: a wrong answer. Here it is refused.',
    applies: ({ ours }) => ours.startsWith('-CROSSSLOT'),
  },
  {
    title: 'Not over several servers',
    why: 'Answers of several servers cannot be joined, or differ where one is wanted: refused with the reason.',
    applies: ({ ours }) => /^-ERR .*(several servers|server|door)/.test(ours),
  },
  {
    title: 'Answered by the door',
    why: 'It concerns the connection of the client, which ends here.',
    applies: ({ request }) => request.here !== null,
  },
  {
    title: 'The slot of a key',
    why: 'A server that is no cluster refuses to say it; it follows from the key alone, so the door does.',
    applies: ({ ours, alone }) =>
      ours.startsWith(':') && alone.includes('cluster support disabled'),
  },
  {
    title: 'Gathered from all servers',
    why: 'Elements of several servers have no common order, and numbers of one server alone differ.',
    applies: ({ ours, alone }) => ours[0] === alone[0] && /^[*:$~%]/.test(ours),
  },
];

export async function compareReplies(): Promise<{ outcomes: Outcome[]; version: string }> {
  using binary = await obtainEnvoy();
  await using alone = await startRedis();
  await using servers = await startServers();
  const ports = Array.from(servers, ({ port }) => ({ port }));
  await using envoy = await startEnvoy(binary, [
    { servers: ports, policy: 'RING_HASH', hashTags: true },
  ]);
  await using gate = await startTidegate(shards(servers.addresses, { hash_tags: true }));
  const outcomes: Outcome[] = [];
  for (const requests of batches()) {
    await alone.ask('FLUSHALL');
    await servers.flush();
    const expected = await talk(requests, { port: alone.port }, 2, 1);
    const theirs = await talk(requests, { port: envoy.ports[0]! }, 2, 1);
    await servers.flush();
    const ours = await talk(requests, gate.target(), 2, 1);
    for (const [index, request] of requests.entries()) {
      outcomes.push({
        request,
        alone: expected[index]!,
        envoy: theirs[index]!,
        ours: ours[index]!,
      });
    }
  }
  return { outcomes, version: binary.version };
}

/** At the same ports each time, if they are free: both place keys by them, so the report is the same each time. */
async function startServers(): Promise<RedisGroup> {
  const servers = new RedisGroup();
  for (let index = 0; index < SERVERS; index++) {
    const wanted = FIRST_PORT + index;
    const isFree = await isFreePort(wanted);
    servers.push(await startRedis(isFree ? { port: wanted } : {}));
  }
  return servers;
}

function batches(): Case[][] {
  const files = caseFiles().map((file) => readCases(file).filter(({ fault }) => !fault));
  return [...files, randomRequests(new Random(SEED))];
}

/** Ordinary traffic: what most clients send most of the time. */
function randomRequests(random: Random): Case[] {
  const key = (): string => `k${random.below(60)}`;
  const keys = (): string[] => Array.from({ length: random.between(2, 8) }, key);
  const makers: (() => string[])[] = [
    () => ['SET', key(), `v${random.below(1000)}`],
    () => ['GET', key()],
    () => ['MGET', ...keys()],
    () => ['MSET', ...keys().flatMap((name) => [name, `m${random.below(9)}`])],
    () => ['DEL', ...keys()],
    () => ['EXISTS', ...keys()],
    () => ['INCR', `n${random.below(20)}`],
    () => ['HSET', `h${random.below(20)}`, 'f', String(random.below(9))],
    () => ['HGETALL', `h${random.below(20)}`],
    () => ['RPUSH', `l${random.below(20)}`, 'a', 'b'],
    () => ['LRANGE', `l${random.below(20)}`, '0', '-1'],
    () => ['EXPIRE', key(), '1000'],
    () => ['TYPE', key()],
  ];
  return Array.from({ length: RANDOM_REQUESTS }, (_none, index) => {
    const words = random.pick(makers)();
    return {
      name: `random:${index} ${words.join(' ')}`,
      command: words[0]!.toLowerCase(),
      words,
      bytes: encode(words),
      mask: 'none',
      maskedFor: null,
      here: null,
      apart: { shards: null, cluster: null },
      fault: false,
      last: false,
    };
  });
}

export function report(
  outcomes: readonly Outcome[],
  version: string,
): { text: string; open: number } {
  const different = outcomes.filter(
    ({ request, envoy, ours }) => masked(envoy, request.mask) !== masked(ours, request.mask),
  );
  const byReason = new Map<Reason | null, Outcome[]>();
  for (const outcome of different) {
    const reason = REASONS.find(({ applies }) => applies(outcome)) ?? null;
    byReason.set(reason, [...(byReason.get(reason) ?? []), outcome]);
  }
  const lines = [
    '# Where replies differ from Envoy’s',
    '',
    `Written by \`node test/peers/envoy-differential.ts --write\`: ${outcomes.length} requests to Envoy ${version} and to`,
    `Tidegate in front of the same ${SERVERS} servers, and to one server alone as the judge.`,
    `The replies are the same for ${outcomes.length - different.length} and differ for ${different.length}.`,
    '',
  ];
  for (const reason of [...REASONS, null]) {
    const found = byReason.get(reason) ?? [];
    if (found.length === 0) continue;
    lines.push(`## ${reason?.title ?? 'Without a reason'}: ${found.length}`, '');
    lines.push(reason?.why ?? 'Nobody has looked at these.', '');
    lines.push('| request | one server | Envoy | Tidegate |', '| --- | --- | --- | --- |');
    const commands = new Set<string>();
    for (const { request, alone, envoy, ours } of found) {
      if (commands.has(request.command) && reason !== null) continue;
      commands.add(request.command);
      if (commands.size > EXAMPLES_MAX && reason !== null) continue;
      const cells = [request.name.replace(/^\S+ /, ''), alone, envoy, ours].map(cell);
      lines.push(`| ${cells.join(' | ')} |`);
    }
    lines.push(
      '',
      `Commands: ${[...commands]
        .sort(byText)
        .map((name) => `\`${name || '(raw bytes)'}\``)
        .join(' ')}`,
      '',
    );
  }
  return { text: `${lines.join('\n').trimEnd()}\n`, open: byReason.get(null)?.length ?? 0 };
}

function byText(left: string, right: string): number {
  return left < right ? -1 : 1;
}

function cell(text: string): string {
  const shown = show(text).slice(1, -1);
  const short = shown.length > 90 ? `${shown.slice(0, 90)}…` : shown;
  return `\`${short.replaceAll('|', '\\|').replaceAll('`', "'")}\``;
}

if (import.meta.main) {
  const { outcomes, version } = await compareReplies();
  const { text, open } = report(outcomes, version);
  if (process.argv.includes('--write')) writeFileSync(PAGE, text);
  else process.stdout.write(text);
  process.exitCode = open === 0 ? 0 : 1;
}
