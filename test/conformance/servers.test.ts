/**
 * The run of `servers.ts` once more: every reply through four shards and through a cluster of 3+3 is that of one
 * server, or has a reason; and docs/commands.md says what came out.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { RUN_FILE, type Run } from '../../scripts/generate-commands.ts';
import { specByName } from '../../src/commands/lookup.ts';
import { startRedis } from '../support/redis.ts';
import { compareEverywhere } from './servers.ts';

const STALE = 'run `node test/conformance/servers.ts --write`, then `npm run generate`';

test('every reply through shards and cluster is that of one server, or its reason is in the document', async () => {
  const { run, faults } = await compareEverywhere();
  assert.deepEqual(faults, []);
  assert.deepEqual(run, JSON.parse(readFileSync(RUN_FILE, 'utf8')), STALE);
});

test('every command and subcommand that the server knows was tried', async () => {
  await using server = await startRedis();
  const { commands } = JSON.parse(readFileSync(RUN_FILE, 'utf8')) as Run;
  const names = ((await server.value('COMMAND', 'LIST')) as string[]).map(String);
  assert.ok(names.length > 300);
  assert.deepEqual(
    names.filter((name) => commands[specByName(name)?.name ?? ''] === undefined),
    [],
  );
});
