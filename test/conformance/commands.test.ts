/**
 * Our table of commands against the COMMAND of the installed server: whatever the server knows, we know alike.
 *
 * Both sides are compared as replies: ours goes through `describe` and the encoder of the product, then both are
 * read by the small parser below, which keeps sets, maps and arrays apart but forgets the order of the first two.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Command } from '../../src/commands/command.ts';
import { describe } from '../../src/commands/describe.ts';
import { allCommands, BUILT_IN, specByName, UNKNOWN } from '../../src/commands/lookup.ts';
import { ByteQueue } from '../../src/core/bytes.ts';
import { encodeValue } from '../../src/resp/encoder.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import type { Wire } from '../support/wire.ts';

/** Intended differences: these sentences are our own, and the history of a command is left to its page. */
const OWN_WORDS = new Set(['summary', 'history', 'notes', 'replaced_by']);
/** Intended differences: Redis 7.2 gave them an argument (WITHSCORE), and so did we; the server is older. */
const NEWER = new Set(['zrank', 'zrevrank']);
/** Of a complexity we keep the formula; the server adds what its letters mean. */
const COMPLEXITY = 'complexity';
/** RESP2 has no maps: these words begin an array that is one. */
const MAP_HEADS = new Set(['notes', 'flags', 'summary', 'name']);

/** A leaf is text with the sign of its kind in front. */
type Node = string | Node[] | { readonly set: Node[] } | { readonly map: Map<string, Node> };

let server: TestRedis;
let wires: Readonly<Record<2 | 3, Wire>>;
/** What the server knows, subcommands included. */
let serverNames: string[];

before(async () => {
  server = await startRedis();
  wires = { 2: await server.connect(), 3: await server.connect({ protocol: 3 }) };
  serverNames = ((await wires[2].value('COMMAND', 'LIST')) as string[]).map(String);
});

after(async () => {
  await wires[2][Symbol.asyncDispose]();
  await wires[3][Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

test('every command and subcommand of the server is in the table', () => {
  assert.ok(serverNames.length > 300);
  assert.deepEqual(
    serverNames.filter((name) => specByName(name) === undefined),
    [],
  );
});

for (const protocol of [2, 3] as const) {
  for (const question of ['INFO', 'DOCS']) {
    test(`COMMAND ${question} in RESP${protocol} is that of the server`, async () => {
      for (const name of serverNames) {
        if (NEWER.has(name)) continue;
        const call = ['COMMAND', question, name];
        const theirs = comparable(parse(await wires[protocol].ask(...call)));
        assert.deepEqual(comparable(parse(ours(call, protocol))), theirs, name);
      }
    });
  }

  test(`COMMAND asked about what nobody knows answers in RESP${protocol} as the server does`, async () => {
    for (const call of [
      ['COMMAND', 'INFO', 'nosuch', 'get'],
      ['COMMAND', 'INFO', 'config|nosuch'],
      ['COMMAND', 'DOCS', 'nosuch'],
      ['COMMAND', 'LIST', 'FILTERBY', 'ACLCAT', 'nosuch'],
      ['COMMAND', 'LIST', 'FILTERBY', 'MODULE', 'nosuch'],
      ['COMMAND', 'LIST', 'FILTERBY', 'NOSUCH', 'x'],
      ['COMMAND', 'LIST', 'FILTERBY'],
      ['COMMAND', 'LIST', 'x'],
    ]) {
      assert.equal(ours(call, protocol), await wires[protocol].ask(...call), call.join(' '));
    }
  });
}

test('COMMAND LIST filters as the server does', async () => {
  for (const filter of [
    ['PATTERN', 'x*'],
    ['PATTERN', 'CONFIG*'],
    ['PATTERN', '[gs]et'],
    ['PATTERN', '*|help'],
    ['ACLCAT', 'hash'],
    ['ACLCAT', 'DANGEROUS'],
    ['ACLCAT', 'scripting'],
  ]) {
    const call = ['COMMAND', 'LIST', 'FILTERBY', ...filter];
    assert.deepEqual(known(ours(call, 2)), known(await wires[2].ask(...call)), call.join(' '));
  }
});

test('keys of calls made by hand are those the server finds', async () => {
  const calls = HAND_MADE.trim()
    .split('\n')
    .map((line) => line.trim().split(' ').map(unquoted));
  assert.ok(calls.length >= 150, String(calls.length));
  await compareKeys(calls);
});

test('keys of calls of every command, right and wrong, are those the server finds', async () => {
  const calls: string[][] = [];
  for (const name of serverNames) {
    if (NEWER.has(name)) continue;
    const least = Math.abs(specByName(name)?.arity ?? 1);
    for (let argc = Math.max(least - 1, 2); argc <= least + 4; argc++) {
      for (const word of ['k', '1', '2', 'store', 'streams']) {
        calls.push(filled(name, argc, (at) => (word === 'k' ? `k${at}` : word)));
      }
      calls.push(filled(name, argc, (at) => (at % 2 === 0 ? '2' : `k${at}`)));
      calls.push(filled(name, argc, (at) => (at % 2 === 1 ? '1' : `k${at}`)));
    }
  }
  assert.ok(calls.length > 5000);
  await compareKeys(calls);
});

/** A call of `argc` arguments, the name included; a subcommand is two of them. */
function filled(name: string, argc: number, wordAt: (at: number) => string): string[] {
  const head = name.split('|');
  return Array.from({ length: argc }, (_, at) => head[at] ?? wordAt(at));
}

async function compareKeys(calls: readonly (readonly string[])[]): Promise<void> {
  const questions = calls.map((call) => ['COMMAND', 'GETKEYSANDFLAGS', ...call]);
  // The door checks this arity before it describes; a call without arguments never gets so far.
  const asked = questions.filter((question) => question.length >= 4);
  const replies = await wires[2].askAll(asked);
  for (const [at, question] of asked.entries()) {
    assert.equal(ours(question, 2), replies[at], question.join(' '));
  }
}

function unquoted(word: string): string {
  return word === '""' ? '' : word;
}

/** What the door replies, byte for byte. */
function ours(words: readonly string[], protocol: 2 | 3): string {
  const command = new Command(UNKNOWN, Buffer.alloc(0));
  command.fill(words.map((word) => Buffer.from(word, 'latin1')));
  const out = new ByteQueue();
  encodeValue(out, describe(BUILT_IN, command), protocol);
  return out.bytes.toString('latin1', 0, out.length);
}

/** The names in a reply that the server knows too, in order. */
function known(raw: string): string[] {
  const names = (parse(raw) as string[]).map((name) => name.slice(1));
  return names.filter((name) => serverNames.includes(name)).sort(byText);
}

function parse(raw: string): Node {
  let at = 0;
  const many = (count: number): Node[] => Array.from({ length: count }, one);
  function one(): Node {
    const end = raw.indexOf('\r\n', at);
    const head = raw.slice(at, end);
    const count = Number(head.slice(1));
    at = end + 2;
    switch (head[0]) {
      case '$':
        if (count < 0) return '_';
        at += count + 2;
        return `$${raw.slice(at - count - 2, at - 2)}`;
      case '*':
        return many(count);
      case '~':
        return { set: many(count) };
      case '%':
        return { map: mapOf(many(count * 2)) };
      default:
        return head;
    }
  }
  return one();
}

function mapOf(flat: readonly Node[]): Map<string, Node> {
  const pairs = flat.flatMap((key, at): [string, Node][] =>
    at % 2 === 0 ? [[String(key).slice(1), flat[at + 1]!]] : [],
  );
  return new Map(pairs);
}

/** Takes away what is our own by intention, what the server does not know yet, and accidental order. */
function comparable(node: Node): Node {
  if (typeof node === 'string') return node;
  if (Array.isArray(node)) return comparableList(node);
  if ('set' in node) return { set: node.set.map(comparable).sort(byText) };
  const kept = [...node.map].filter(([key]) => !OWN_WORDS.has(key) && !isNewer(key));
  const pairs = kept.map(([key, value]): [string, Node] => [
    key,
    key === COMPLEXITY ? formula(String(value)) : comparable(value),
  ]);
  return { map: new Map(pairs.filter(([, value]) => value !== '').sort(byText)) };
}

function comparableList(list: Node[]): Node {
  const head = String(list[0]).slice(1);
  if (typeof list[0] === 'string' && list.length % 2 === 0) {
    // A flag or a category is a status, `+`; the key of a map is a bulk string, `$`.
    const isKey = list[0].startsWith('$');
    if (isKey && (MAP_HEADS.has(head) || Array.isArray(list[1]))) {
      return comparable({ map: mapOf(list) });
    }
  }
  const isFamily = list.length > 0 && list.every((one) => Array.isArray(one) && isSubcommand(one));
  const kept = isFamily
    ? list.filter((one) => !isNewer(String((one as Node[])[0]).slice(1)))
    : list;
  const compared = kept.map(comparable);
  return isFamily ? compared.sort(byText) : compared;
}

function isSubcommand(node: Node[]): boolean {
  return typeof node[0] === 'string' && node[0].includes('|');
}

function isNewer(name: string): boolean {
  return name.includes('|') && !serverNames.includes(name);
}

function byText(left: unknown, right: unknown): number {
  return JSON.stringify(left) < JSON.stringify(right) ? -1 : 1;
}

/** `O(N) where N is …` becomes `O(N)`; words without a formula become nothing. */
function formula(text: string): string {
  return /O\((?:[^()]|\([^()]*\))*\)/.exec(text)?.[0] ?? '';
}

test('no command is in the table that the server should know and does not', () => {
  const missing = allCommands().filter(
    ({ name, since }) =>
      /^redis [2-7]\.0|^redis [1-6]\./.test(since) && !serverNames.includes(name),
  );
  // Only a sentinel knows SENTINEL.
  assert.deepEqual(
    missing.map((spec) => spec.name),
    ['sentinel'],
  );
});

const HAND_MADE = `
get a
GET a b
set a b
set a b GET
set a b ex 10 get
set a get
set a b GETX
mget a b c
mset a 1 b 2
mset a 1 b
mset a
msetnx a 1 b 2
del a b c
exists a
rename a b
copy a b
copy a b DB 1
object encoding a
object help
object nosuch a
memory usage a
memory usage a samples 5
memory doctor
ping
ping a
nosuch a
config get a
config nosuch a
client list
sort a
sort a store b
sort a STORE b store c
sort a by x_* get y_* limit 0 5 store z
sort a by store get store store z
sort a limit store b store c
sort a store
sort a get # get
sort_ro a by x_*
sort_ro a get x
eval s 0
eval s 1 a
eval s 2 a b c
eval s 3 a b
eval s -1 a
eval s x a
eval s 1x a
eval s 01 a
eval s +1 a
eval s "" a
eval s 2147483648 a
eval s 99999999999999999999 a
eval_ro s 1 a
evalsha s 2 a b
evalsha_ro s 2 a b
fcall f 0
fcall f 2 a b c
fcall f 5 a
fcall_ro f 1 a
xread streams a 0
xread STREAMS a b 0 0
xread streams a b 0
xread streams a
xread count 5 streams a 0
xread count streams streams a 0
xread block 0 streams a 0
xread block 0 count 1 streams a b c 1 2 3
xread a b c
xread count 5 a 0
xreadgroup group g c streams a >
xreadgroup group g c count 1 noack streams a b > >
xreadgroup group streams c streams a >
xreadgroup group g streams streams a >
xreadgroup group g c streams a
xreadgroup group g c streams a b >
xgroup create a g $
xgroup create a g $ mkstream
xinfo stream a
xinfo groups a
xinfo help
xadd a * f v
xclaim a g c 0 1
xautoclaim a g c 0 0
zunion 2 a b
zunion 2 a b weights 1 2
zunion 3 a b
zunion 0 a
zunion x a
zunion 2x a b
zunion -1 a
zinter 1 a withscores
zdiff 2 a b
zintercard 2 a b limit 1
sintercard 2 a b
sintercard 0 a
zunionstore d 2 a b
zunionstore d 0 a
zunionstore d 3 a b
zunionstore d 2x a b
zunionstore d x a
zinterstore d 1 a
zdiffstore d 2 a b
zrangestore d s 0 -1
zmpop 1 a min
zmpop 2 a b max count 1
zmpop 5 a min
lmpop 1 a left
lmpop 2 a b right
lmpop 0 a left
blmpop 0 1 a left
blmpop 0 2 a b left
blmpop 0 x a left
bzmpop 0 1 a min
bzmpop 0 9 a min
blpop a 0
blpop a b c 0
brpop a 1
bzpopmin a b 1
blmove a b left right 0
lmove a b left right
brpoplpush a b 0
rpoplpush a b
georadius a 1 2 3 m
georadius a 1 2 3 m store b
georadius a 1 2 3 m storedist b
georadius a 1 2 3 m STORE b STOREDIST c
georadius a 1 2 3 m STOREDIST b STORE c
georadius a 1 2 3 m store
georadius a 1 2 3 m count 1 store b
georadius a store b 3 m
georadius_ro a 1 2 3 m
georadiusbymember a m 3 km store b
georadiusbymember a m 3 km storedist b
georadiusbymember a store 3 km
georadiusbymember_ro a m 3 km
geosearchstore d s frommember m byradius 1 m
geosearch a frommember m byradius 1 m
migrate h 1 a 0 10
migrate h 1 "" 0 10 keys a b
migrate h 1 "" 0 10 copy replace keys a b c
migrate h 1 "" 0 10 auth keys keys a
migrate h 1 "" 0 10 auth2 keys keys keys a
migrate h 1 "" 0 10 keys
migrate h 1 a 0 10 copy
migrate h 1 a 0 10 keys b
migrate h 1 "" 0 10 copy
bitop and d a b c
bitop not d a
bitfield a get u8 0
bitfield a set u8 0 1
bitfield a incrby u8 0 1
bitfield a overflow sat get u8 0
bitfield a get u8
bitfield a get u8 0 set u8 0 1
bitfield a
bitfield a nosuch
bitfield_ro a get u8 0
pfcount a b
pfmerge d a b
pfadd a x y
sinter a b c
sinterstore d a b
sdiffstore d a b
sunionstore d a
smove a b m
lcs a b
lcs a b len
spublish c m
ssubscribe c d
publish c m
subscribe a b
watch a b
touch a b
unlink a
dump a
restore a 0 x
restore-asking a 0 x
getex a ex 10
getset a b
append a b
hset a f v
hgetall a
lpush a x
linsert a before p x
zadd a 1 m
command getkeys get a
debug object a
cluster keyslot a
script exists a
function list
pfdebug getreg a
acl dryrun u get a
info server
keys *
scan 0
`;
