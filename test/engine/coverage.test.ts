/** Which commands of a stand-alone Redis 7.2 come as far as the engine, and that it answers them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allCommands } from '../../src/commands/lookup.ts';
import { type Door, Flag } from '../../src/commands/spec.ts';
import { handlers } from '../../src/engine/handlers.ts';
import { compareWithServer } from '../support/engine.ts';
import { Random, seedOfRun } from '../support/random.ts';

/** What the door answers itself, or makes other commands of. */
const AT_THE_DOOR: readonly Door[] = ['local', 'refuse', 'subscribe'];

/** Names, or beginnings of names, that nobody answers yet, and why. */
const UNANSWERED: readonly (readonly [RegExp, string])[] = [
  [
    /^(eval|evalsha|fcall)(_ro)?$/,
    'scripts and functions run with an interpreter that is not there yet',
  ],
  [/^(script|function)\|/, 'as those'],
];

test('every command of Redis 7.2 that comes as far as the engine is answered, or there is a reason', () => {
  const used = new Set<RegExp>();
  const missing: string[] = [];
  for (const { id, name, since, flags, door, subcommands } of allCommands()) {
    if (!isOfRedis72(since) || (flags & Flag.module) !== 0 || AT_THE_DOOR.includes(door)) continue;
    // The door tells who names no subcommand, or one that is not there.
    if (subcommands !== null) continue;
    const reason = UNANSWERED.find(([pattern]) => pattern.test(name));
    if (handlers[id] === undefined && reason === undefined) missing.push(name);
    if (handlers[id] === undefined && reason !== undefined) used.add(reason[0]);
  }
  assert.deepEqual(missing, []);
  assert.deepEqual(
    UNANSWERED.filter(([pattern]) => !used.has(pattern)),
    [],
    'answered by now',
  );
});

function isOfRedis72(since: string): boolean {
  const [, major, minor] = /^redis (\d+)\.(\d+)/.exec(since) ?? [];
  return Number(major) < 7 || (major === '7' && Number(minor) <= 2);
}

const QUESTIONS: readonly (readonly string[])[] = [
  ['ACL', 'LIST'],
  ['ACL', 'USERS'],
  ['ACL', 'WHOAMI'],
  ['ACL', 'GETUSER', 'default'],
  ['ACL', 'GETUSER', 'nobody'],
  ['ACL', 'CAT'],
  ['ACL', 'CAT', 'foo'],
  ['ACL', 'CAT', 'read', 'x'],
  ['ACL', 'LOG'],
  ['ACL', 'LOG', 'RESET'],
  ['ACL', 'LOG', '3'],
  ['ACL', 'LOG', 'x'],
  ['ACL', 'LOG', '1', '2'],
  ['ACL', 'DRYRUN', 'default', 'GET', 'a'],
  ['ACL', 'DRYRUN', 'nobody', 'GET', 'a'],
  ['ACL', 'DRYRUN', 'default', 'foo'],
  ['ACL', 'DRYRUN', 'default', 'GET'],
  ['ACL', 'GENPASS', 'x'],
  ['ACL', 'GENPASS', '0'],
  ['ACL', 'GENPASS', '4097'],
  ['ACL', 'GENPASS', '1', '2'],
  ['ACL', 'HELP'],
  ['MODULE', 'LIST'],
  ['MODULE', 'HELP'],
  ['CLUSTER', 'INFO'],
  ['OBJECT', 'HELP'],
  ['DEBUG', 'foo'],
  ['DEBUG', 'OBJECT', 'none'],
  ['DEBUG', 'OBJECT', 'none', 'more'],
  ['DEBUG', 'SLEEP', '0'],
  ['DEBUG', 'SLEEP'],
  ['DEBUG', 'CHANGE-REPL-ID'],
  ['DEBUG', 'SET-ACTIVE-EXPIRE', '1'],
  ...['10', '10b', '2KB', 'x', '-1', '5gb', '0'].map((size) => [
    'DEBUG',
    'quicklist-packed-threshold',
    size,
  ]),
  ...['z', 'l', 'none', 't'].map((key) => ['DEBUG', 'LISTPACK', key]),
  ['DEBUG', 'LOG', 'x'],
  ['DEBUG', 'ERROR', 'ERR made up'],
  ['DEBUG', 'ERROR', 'MADE up\r\nof two lines'],
  ['DEBUG', 'POPULATE', '3'],
  ['DEBUG', 'POPULATE', '2', 'other', '12'],
  ['DEBUG', 'POPULATE', 'x'],
  ['DEBUG', 'POPULATE', '-1'],
  ['MGET', 'key:0', 'key:2', 'other:1', 'key:3'],
  ...['string', 'integer', 'double', 'null', 'array', 'set', 'map', 'attrib'].map((type) => [
    'DEBUG',
    'PROTOCOL',
    type,
  ]),
  ...['true', 'FALSE', 'verbatim', 'bignum', 'x'].map((type) => ['DEBUG', 'PROTOCOL', type]),
  ['DEBUG', 'RELOAD', 'x'],
  ['ZADD', 'z', '1', 'a', '2.5', 'b'],
  ['RPUSH', 'l', '1', 'x'],
  ['SADD', 't', '1', '2'],
  ['HSET', 'h', 'f', 'v'],
  ['SETRANGE', 'raw', '0', '17'],
  ['SORT', 'z', 'ALPHA'],
  ['DEBUG', 'RELOAD'],
  ...['z', 'l', 't', 'h', 'raw'].map((key) => ['OBJECT', 'ENCODING', key]),
  ['ZRANGE', 'z', '0', '-1', 'WITHSCORES'],
  ['LRANGE', 'l', '0', '-1'],
  ['HGETALL', 'h'],
];

test('what is said about users, modules and the inside is what a real server says', async () => {
  let next = 0;
  await compareWithServer({
    random: new Random(seedOfRun()),
    rounds: QUESTIONS.length * 2,
    next: () => QUESTIONS[next++ % QUESTIONS.length]!,
    config: { 'enable-debug-command': 'yes' },
  });
});
