/**
 * The same commands in the same order to a real server and to another one behind Tidegate: both servers
 * start empty, so every reply must be the same, byte for byte. What may differ says why, in the data.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRedises } from '../support/redis.ts';
import { shards, startTidegate } from '../support/tidegate.ts';
import type { Target } from '../support/wire.ts';
import { type Case, caseFiles, readCases } from './cases.ts';
import { masked, type Protocol, show, talk } from './play.ts';

const files = caseFiles();
const CASES_MIN = 400;
const SHOWN_MAX = 60;

test(`there are at least ${CASES_MIN} commands, each with its own line`, (context) => {
  const cases = files.flatMap((file) => readCases(file));
  const distinct = new Set(cases.map(({ bytes }) => bytes.toString('latin1')));
  const here = cases.filter((one) => one.here !== null).length;
  const masked = cases.filter((one) => one.mask !== 'none').length;
  context.diagnostic(
    `${cases.length} commands (${distinct.size} distinct), each in RESP2 and RESP3; ` +
      `${masked} compared through a mask, ${here} answered here`,
  );
  assert.ok(distinct.size - here >= CASES_MIN);
});

for (const protocol of [2, 3] as const) {
  test(`two real servers give the same bytes in RESP${protocol}, so the comparison is fair`, async () => {
    await using servers = await startRedises(2);
    const [direct, other] = [{ port: servers[0]!.port }, { port: servers[1]!.port }];
    const differences: string[] = [];
    for (const file of files) {
      await servers.flush();
      differences.push(...(await compare(readCases(file), direct, other, protocol)));
    }
    assert.deepEqual(differences.filter(isNoException), []);
  });

  test(`every reply through one shard is the server's own in RESP${protocol}`, async () => {
    await using servers = await startRedises(2);
    await using gate = await startTidegate(shards([servers[1]!.address]));
    const differences: string[] = [];
    for (const file of files) {
      await servers.flush();
      const direct = { port: servers[0]!.port };
      differences.push(...(await compare(readCases(file), direct, gate.target(), protocol)));
    }
    const count = differences.length;
    assert.equal(count, 0, `${count} differences\n${differences.slice(0, SHOWN_MAX).join('\n')}`);
  });

  test(`a whole file in one pipeline gets the same replies in RESP${protocol}`, async () => {
    await using servers = await startRedises(2);
    await using gate = await startTidegate(shards([servers[1]!.address]));
    for (const file of files) {
      await servers.flush();
      const cases = readCases(file).filter(({ fault, here }) => !fault && here === null);
      const direct = await talk(cases, { port: servers[0]!.port }, protocol, 1);
      const through = await talk(cases, gate.target(), protocol, cases.length);
      const differences = differencesOf(cases, direct, through);
      assert.deepEqual(differences.slice(0, SHOWN_MAX), [], `${differences.length} in ${file}`);
    }
  });
}

/** A difference that is promised by `@here` but absent is one that only the product can cause. */
function isNoException(difference: string): boolean {
  return !difference.includes(NEEDLESS);
}

const NEEDLESS = 'is marked @here, yet the reply is the same';

async function compare(
  cases: readonly Case[],
  left: Target,
  right: Target,
  protocol: Protocol,
): Promise<string[]> {
  const [wanted, found] = await Promise.all([
    talk(cases, left, protocol, 1),
    talk(cases, right, protocol, 1),
  ]);
  return differencesOf(cases, wanted, found);
}

function differencesOf(
  cases: readonly Case[],
  wanted: readonly string[],
  found: readonly string[],
): string[] {
  return cases.flatMap(({ name, mask, here }, index) => {
    const [left, right] = [masked(wanted[index]!, mask), masked(found[index]!, mask)];
    if (here !== null) {
      if (!/^[-+:$*%~_#,(=!]/.test(right)) return [`${name}: no reply: ${show(right)}`];
      return left === right ? [`${name} ${NEEDLESS} (${here})`] : [];
    }
    if (left === right) return [];
    return [`${name}\n    server:   ${show(left)}\n    tidegate: ${show(right)}`];
  });
}
