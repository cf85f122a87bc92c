import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRedis } from '../../test/support/redis.ts';
import { commandOf } from '../../test/support/sinks.ts';
import { allCommands, BUILT_IN, CommandTable } from '../commands/lookup.ts';
import { faultOfRule, User, type UserOptions, Users } from './users.ts';

function user(options: Partial<UserOptions>, table: CommandTable = BUILT_IN): User {
  return new User({ name: 'u', passwords: [], keys: null, commands: null, ...options }, table);
}

function mayRun(one: User, name: string): boolean {
  return one.mayRun(BUILT_IN.specByName(name)!);
}

function mayTouch(one: User, line: string): boolean {
  const command = commandOf(...line.split(' '));
  return one.denialOf(command, command.spec) === null;
}

test('any of the passwords is accepted, and nothing that is like one', () => {
  const users = new Users(
    [{ name: 'a', passwords: ['one', 'zwö'], keys: null, commands: null }],
    BUILT_IN,
  );
  const login = (name: string, password: string): string | undefined =>
    users.login(name, Buffer.from(password))?.name;
  assert.deepEqual([login('a', 'one'), login('a', 'zwö')], ['a', 'a']);
  for (const wrong of ['', 'on', 'one\0', 'ONE', 'two']) assert.equal(login('a', wrong), undefined);
  assert.deepEqual([login('b', 'one'), login('', '')], [undefined, undefined]);
});

test('a user without passwords cannot come in at all', () => {
  assert.equal(user({}).accepts(Buffer.alloc(0)), false);
});

test('rules count from left to right', () => {
  const cases: readonly [string[], string[], string[]][] = [
    [[], [], ['get', 'set', 'keys']],
    [['+get'], ['get'], ['set', 'getdel']],
    [
      ['+@all', '-@write'],
      ['get', 'keys'],
      ['set', 'del', 'getdel'],
    ],
    [['+@all', '-@all', '+set'], ['set'], ['get']],
    [['+@read', '-get', '+get'], ['get', 'mget'], ['set']],
    [['allcommands', '-client|kill'], ['client|list', 'client', 'get'], ['client|kill']],
    [['+config|get'], ['config|get'], ['config|set', 'config']],
    [['+config', '-config|set'], ['config|get', 'config'], ['config|set']],
    [['+@all', 'nocommands'], [], ['get', 'ping']],
    [['+GET', '+@READ'], ['get', 'mget'], ['set']],
  ];
  for (const [commands, allowed, denied] of cases) {
    const one = user({ commands });
    for (const name of allowed) assert.equal(mayRun(one, name), true, `${commands} ${name}`);
    for (const name of denied) assert.equal(mayRun(one, name), false, `${commands} ${name}`);
  }
});

test('who may do nothing may still log in', () => {
  const one = user({ commands: [] });
  for (const name of ['auth', 'hello', 'quit', 'reset'])
    assert.equal(mayRun(one, name), true, name);
});

test('rules that mean nothing are told', () => {
  for (const rule of ['get', '+nosuch', '-@nosuch', '+', '', '+client|nosuch', '~a', '+@']) {
    assert.notEqual(faultOfRule(rule, BUILT_IN), null, rule);
    assert.throws(() => user({ commands: [rule] }), RangeError);
  }
  for (const rule of ['+get', '-@all', '+@read', 'allcommands', '+client|kill', '-CLIENT']) {
    assert.equal(faultOfRule(rule, BUILT_IN), null, rule);
  }
});

test('a word that every object knows is no category', () => {
  assert.notEqual(faultOfRule('+@constructor', BUILT_IN), null);
});

test('commands of the listener are allowed by name or with all', () => {
  const table = new CommandTable(['my.users.test']);
  const spec = table.specByName('my.users.test')!;
  const allowed = (commands: string[]): boolean => user({ commands }, table).mayRun(spec);
  assert.deepEqual(
    [['+my.users.test'], ['+@all'], ['+@all', '-my.users.test'], ['+@read']].map(allowed),
    [true, true, false, false],
  );
});

test('every key has to match a pattern, each may match another', () => {
  const one = user({ keys: ['app:*', '~cache:?'] });
  const cases: readonly [string, boolean][] = [
    ['GET app:1', true],
    ['GET cache:1', true],
    ['GET cache:12', false],
    ['MGET app:1 cache:2', true],
    ['MGET app:1 other', false],
    ['PING', true],
    ['ZUNIONSTORE app:to 1 other', false],
  ];
  for (const [line, expected] of cases) assert.equal(mayTouch(one, line), expected, line);
});

test('a pattern for everything means no checks', () => {
  assert.equal(user({ keys: ['app:*', '~*'] }).isUnlimited, true);
  assert.equal(user({ keys: [] }).isUnlimited, false);
  assert.equal(mayTouch(user({ keys: [] }), 'GET a'), false);
});

test('rules allow what they allow on a real server', async () => {
  await using server = await startRedis();
  const ruleSets: readonly (readonly string[])[] = [
    ['+@read'],
    ['+@all', '-@dangerous'],
    ['+@write', '-@slow', '+keys'],
    ['+@all', '-@admin', '-@scripting', '+config|get', '-client|kill'],
    ['+@hash', '+@string', '+@pubsub', '-@fast'],
    ['+@connection', '+@transaction', '+@stream', '+@geo', '+@bitmap', '+@hyperloglog'],
    ['+@list', '+@set', '+@sortedset', '+@keyspace', '+@blocking'],
  ];
  for (const commands of ruleSets) {
    const one = user({ commands });
    assert.equal(
      await server.ask('ACL', 'SETUSER', 'u', 'reset', '~*', '&*', ...commands),
      '+OK\r\n',
    );
    for (const spec of allCommands()) {
      const words = spec.name.split('|');
      while (words.length < Math.abs(spec.arity)) words.push('1');
      const said = await server.ask('ACL', 'DRYRUN', 'u', ...words);
      if (/not found|unknown|wrong number/i.test(said)) continue;
      const expected = !said.includes('no permissions to run');
      assert.equal(one.mayRun(spec), expected, `${commands.join(' ')} ${spec.name}: ${said}`);
    }
  }
});

test('who may touch some keys only may not read others through SORT, nor run scripts', () => {
  const one = user({ keys: ['a*'] });
  const denial = (line: string): string | null => {
    const command = commandOf(...line.split(' '));
    return one.denialOf(command, command.spec);
  };
  assert.match(denial('SORT a BY b*') ?? '', /^ERR BY option of SORT denied/);
  assert.match(denial('SORT a GET b*') ?? '', /^ERR GET option of SORT denied/);
  assert.match(denial('EVAL return 1 a1') ?? '', /^NOPERM scripts/);
  assert.equal(denial('SORT a BY nosort'), null);
});
