import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { generatePage, generateTable } from '../../scripts/generate-commands.ts';
import { commandFacts } from './facts.ts';

function read(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8');
}

test('table.ts is what data/commands says; else run `npm run generate`', () => {
  assert.ok(read('./table.ts') === generateTable());
});

test('docs/commands.md is what data/commands says; else run `npm run generate`', () => {
  assert.ok(read('../../docs/commands.md') === generatePage());
});

test('every command has a summary of one sentence, a group and a server that knows it', () => {
  for (const [name, fact] of commandFacts()) {
    assert.match(fact.summary, /^[A-Z].*\.$/, name);
    assert.ok(fact.summary.length <= 100, name);
    assert.match(fact.group, /^[a-z-]+$/, name);
    assert.ok(Object.keys(fact.since).length > 0, name);
  }
});

test('every subcommand has its container', () => {
  const facts = commandFacts();
  for (const name of facts.keys()) assert.ok(facts.has(name.split('|')[0]!), name);
});
