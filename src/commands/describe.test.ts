import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Value } from '../resp/value.ts';
import { Command } from './command.ts';
import { describe } from './describe.ts';
import { CommandTable, UNKNOWN } from './lookup.ts';

const table = new CommandTable(['foo.get']);

function ask(text: string): Value {
  const command = new Command(UNKNOWN, Buffer.alloc(0));
  command.fill(text.split(' ').map((word) => Buffer.from(word)));
  return describe(table, command);
}

test('COMMAND COUNT counts custom commands too', () => {
  assert.equal(ask('COMMAND COUNT'), table.topLevel().length);
  assert.equal((ask('COMMAND') as Value[]).length, table.topLevel().length);
});

test('COMMAND INFO tells name, arity, flags and keys in the shape of a server', () => {
  assert.deepEqual(ask('COMMAND INFO get nosuch'), [
    [
      'get',
      2,
      { set: [{ status: 'readonly' }, { status: 'fast' }] },
      1,
      1,
      1,
      { set: [{ status: '@read' }, { status: '@string' }, { status: '@fast' }] },
      { set: [] },
      {
        set: [
          {
            map: [
              ['flags', { set: [{ status: 'RO' }, { status: 'access' }] }],
              [
                'begin_search',
                {
                  map: [
                    ['type', 'index'],
                    ['spec', { map: [['index', 1]] }],
                  ],
                },
              ],
              [
                'find_keys',
                {
                  map: [
                    ['type', 'range'],
                    [
                      'spec',
                      {
                        map: [
                          ['lastkey', 0],
                          ['keystep', 1],
                          ['limit', 0],
                        ],
                      },
                    ],
                  ],
                },
              ],
            ],
          },
        ],
      },
      { set: [] },
    ],
    null,
  ]);
});

test('COMMAND DOCS explains custom commands and those of modules', () => {
  const docs = ask('COMMAND DOCS foo.get json.get nosuch') as { map: [string, Value][] };
  assert.deepEqual(
    docs.map.map(([name]) => name),
    ['foo.get', 'json.get'],
  );
  const json = new Map((docs.map[1]![1] as { map: [string, Value][] }).map);
  assert.equal(json.get('group'), 'module');
  assert.equal(json.get('module'), 'ReJSON');
});

test('COMMAND LIST knows the commands of a module', () => {
  assert.ok((ask('COMMAND LIST FILTERBY MODULE bf') as string[]).includes('cf.add'));
});

test('COMMAND GETKEYS gives the bytes of keys and says what is wrong', () => {
  assert.deepEqual(ask('COMMAND GETKEYS foo.get a'), [Buffer.from('a')]);
  assert.deepEqual(ask('COMMAND GETKEYS ping x'), {
    error: 'ERR The command has no key arguments',
  });
  assert.deepEqual(ask('COMMAND GETKEYS nosuch x'), { error: 'ERR Invalid command specified' });
});

test('COMMAND DOCS of everything is answered, every argument included', () => {
  assert.equal((ask('COMMAND DOCS') as { map: unknown[] }).map.length, table.topLevel().length);
});
