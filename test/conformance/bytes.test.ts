/**
 * The same commands in the same order to a real server and to another one behind Tidegate: both servers
 * start empty, so every reply must be the same, byte for byte. What may differ says why, in the data.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRedises } from '../support/redis.ts';
import { shards, startTidegate } from '../support/tidegate.ts';
import { bulk, encode, type Target, Wire } from '../support/wire.ts';
import { type Case, caseFiles, type Mask, readCases } from './cases.ts';

type Protocol = 2 | 3;

const files = caseFiles();
const CASES_MIN = 400;
const SHOWN_MAX = 60;

test(`there are at least ${CASES_MIN} commands, each with its own line`, (context) => {
  const cases = files.flatMap(readCases);
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

function show(reply: string): string {
  const text = JSON.stringify(reply);
  return text.length > 300 ? `${text.slice(0, 300)}… (${reply.length} bytes)` : text;
}

/**
 * Plays the cases on one connection, `ahead` at a time. Behind each stands an ECHO of its own, so a
 * missing reply, or one too many, is seen at the command that caused it.
 */
async function talk(
  cases: readonly Case[],
  target: Target,
  protocol: Protocol,
  ahead: number,
): Promise<string[]> {
  const replies: string[] = [];
  let wire = await Wire.connect(target, { protocol, timeoutMs: 10_000 });
  try {
    for (let start = 0; start < cases.length; start += ahead) {
      const batch = cases.slice(start, start + ahead);
      if (batch.some(({ fault }) => fault)) {
        replies.push(await fault(batch[0]!, target, protocol));
        continue;
      }
      wire.write(
        Buffer.concat(batch.map((one, index) => withMarker(one, start + index, protocol))),
      );
      for (const [index, one] of batch.entries()) {
        replies.push(await untilMarker(wire, one, start + index, protocol));
        if (wire.closed) wire = await Wire.connect(target, { protocol, timeoutMs: 10_000 });
      }
    }
  } finally {
    wire.close();
  }
  return replies;
}

/** Commands that change the version of the protocol are followed by one that changes it back. */
function changesProtocol({ command }: Case): boolean {
  return command === 'reset' || command === 'hello';
}

function withMarker(one: Case, index: number, protocol: Protocol): Buffer {
  const back = changesProtocol(one) ? encode(['HELLO', protocol]) : Buffer.alloc(0);
  return Buffer.concat([one.bytes, encode(['ECHO', `marker-${index}`]), back]);
}

async function untilMarker(
  wire: Wire,
  one: Case,
  index: number,
  protocol: Protocol,
): Promise<string> {
  const marker = bulk(`marker-${index}`);
  let all = '';
  try {
    for (;;) {
      const reply = await wire.read();
      if (reply === marker) break;
      all += reply;
    }
    // The reply of the HELLO above names the server: it is not compared.
    if (changesProtocol(one)) await wire.read();
  } catch (error) {
    wire.close();
    return `${all}<${error instanceof Error ? error.message : error} after RESP${protocol}>`;
  }
  return all;
}

/** Everything the server says until it closes. */
async function fault(one: Case, target: Target, protocol: Protocol): Promise<string> {
  await using wire = await Wire.connect(target, { protocol });
  wire.write(one.bytes);
  try {
    return await wire.ended(3000);
  } catch {
    return `<still open> ${wire.rest}`;
  }
}

function masked(reply: string, mask: Mask): string {
  switch (mask) {
    case 'none':
      return reply;
    case 'digits':
      return reply.replace(/\d+/g, 'N');
    case 'kind':
      return reply.slice(0, 1);
    case 'sorted':
      // Bulk strings of one line each: enough for the sets compared here.
      return reply.split('$').sort().join('$');
    default:
      return mask satisfies never;
  }
}
