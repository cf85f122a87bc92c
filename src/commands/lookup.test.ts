import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from './command.ts';
import {
  allCommands,
  BUILT_IN,
  COMMAND_COUNT,
  CommandTable,
  checkArity,
  idCount,
  lookup,
  lookupSubcommand,
  specByName,
  UNKNOWN,
} from './lookup.ts';

function find(table: CommandTable, name: string): string | undefined {
  const bytes = Buffer.from(`$9\r\n${name}\r\n`, 'latin1');
  return table.lookup(bytes, 4, 4 + name.length)?.name;
}

function command(...words: string[]): Command {
  const made = new Command(UNKNOWN, Buffer.alloc(0));
  made.fill(words.map((word) => Buffer.from(word)));
  return made;
}

test('every command is found by its name in lower, upper and mixed case', () => {
  for (const { name } of BUILT_IN.topLevel()) {
    const mixed = [...name].map((letter, at) => (at % 2 === 0 ? letter.toUpperCase() : letter));
    for (const form of [name, name.toUpperCase(), mixed.join('')]) {
      assert.equal(find(BUILT_IN, form), name);
    }
  }
});

test('what only looks like a command is not found', () => {
  const near = ['', 'g', 'ge', 'gett', 'get ', ' get', 'g\x05t', 'ge\xf4', '[et', 'client|getname'];
  for (const name of near) assert.equal(find(BUILT_IN, name), undefined, JSON.stringify(name));
  assert.equal(find(BUILT_IN, 'x'.repeat(100_000)), undefined);
});

test('letters of commands changed at one place are never found', () => {
  const names = new Set(BUILT_IN.topLevel().map((spec) => spec.name));
  for (const name of names) {
    for (let at = 0; at < name.length; at++) {
      const other = `${name.slice(0, at)}~${name.slice(at + 1)}`;
      assert.equal(find(BUILT_IN, other), undefined, other);
    }
  }
});

test('a subcommand is found by its own name in any case', () => {
  const bytes = Buffer.from('GetName');
  const client = specByName('client');
  assert.ok(client);
  assert.equal(lookupSubcommand(client, bytes, 0, bytes.length)?.name, 'client|getname');
  assert.equal(lookupSubcommand(client, bytes, 0, 3), undefined);
});

test('a command without subcommands has none, whatever follows it', () => {
  const get = specByName('get');
  assert.ok(get);
  assert.equal(lookupSubcommand(get, Buffer.from('getname'), 0, 7), undefined);
});

test('resolve gives the subcommand where there is one, else the command', () => {
  assert.equal(BUILT_IN.resolve(command('Config', 'GET', 'x'))?.name, 'config|get');
  assert.equal(BUILT_IN.resolve(command('config', 'nosuch'))?.name, 'config');
  assert.equal(BUILT_IN.resolve(command('config'))?.name, 'config');
  assert.equal(BUILT_IN.resolve(command('GET', 'get'))?.name, 'get');
  assert.equal(BUILT_IN.resolve(command('nosuch')), undefined);
});

test('ids are dense, begin at 1 and name each command once', () => {
  const ids = allCommands().map((spec) => spec.id);
  assert.deepEqual(
    ids,
    ids.map((_, index) => index + 1),
  );
  assert.equal(COMMAND_COUNT, ids.length + 1);
  assert.equal(UNKNOWN.id, 0);
});

test('a custom command belongs to the listeners that declare it and has one id in all of them', () => {
  const one = new CommandTable(['Foo.Get', 'bar.set']);
  const two = new CommandTable(['foo.get']);
  assert.equal(find(one, 'FOO.get'), 'foo.get');
  assert.equal(find(BUILT_IN, 'foo.get'), undefined);
  assert.equal(find(two, 'bar.set'), undefined);
  assert.equal(one.specByName('foo.get'), two.specByName('foo.get'));
  assert.equal(find(one, 'get'), 'get');
  assert.ok(one.specByName('foo.get')!.id >= COMMAND_COUNT);
  assert.ok(one.specByName('foo.get')!.id < idCount());
});

test('a custom command counts as a write of its first argument', () => {
  const spec = new CommandTable(['foo.put']).specByName('foo.put');
  assert.ok(spec);
  assert.equal(spec.keyAt, 1);
  assert.equal(spec.arity, -2);
  assert.equal(spec.isWrite, true);
  assert.equal(spec.cacheable, false);
  assert.equal(lookupSubcommand(spec, Buffer.from('x'), 0, 1), undefined);
});

test('declaring a built-in name changes nothing', () => {
  assert.equal(new CommandTable(['GET']).specByName('get'), specByName('get'));
});

test('an exact arity must be met, a negative one is a minimum', () => {
  const get = specByName('get')!;
  const mget = specByName('mget')!;
  assert.deepEqual(
    [1, 2, 3].map((argc) => checkArity(get, argc)),
    [false, true, false],
  );
  assert.deepEqual(
    [1, 2, 9].map((argc) => checkArity(mget, argc)),
    [false, true, true],
  );
});

test('keyAt is the argument of the only key, 0 without keys, else -1', () => {
  const places = ['get', 'hset', 'object|encoding', 'ping', 'mget', 'eval', 'rename', 'spublish'];
  assert.deepEqual(
    places.map((name) => specByName(name)?.keyAt),
    [1, 1, 2, 0, -1, -1, -1, -1],
  );
});

test('every refused command says why, and no other does', () => {
  for (const { name, door, why } of allCommands()) {
    assert.equal(why !== null, door === 'refuse', name);
    if (why !== null) assert.match(why, /^[A-Z].+\. .+\.$|^[A-Z].+\.$/);
  }
});

test('what may be cached only reads, has keys and neither blocks nor depends on time or chance', () => {
  for (const spec of allCommands().filter((one) => one.cacheable)) {
    assert.equal(spec.isRead && !spec.isWrite && spec.keySpecs.length > 0, true, spec.name);
    assert.doesNotMatch(spec.name, /ttl|rand|scan|expire|object|xread|eval|fcall/);
  }
  assert.equal(specByName('get')?.cacheable, true);
});

test('lookup is that of the built-in commands', () => {
  assert.equal(lookup(Buffer.from('ping'), 0, 4), specByName('PING'));
});
