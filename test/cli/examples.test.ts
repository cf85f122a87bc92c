/** The examples of the contract: what this version can run loads, what it cannot says so. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { ConfigError } from '../../src/config/faults.ts';
import { loadFile } from '../../src/config/load.ts';
import { ROOT } from '../support/tidegate.ts';

const EXAMPLES = path.join(ROOT, 'examples');
const FIXTURES = path.join(import.meta.dirname, 'fixtures');
const RUNS = ['01-shards.yaml', '02-routes.yaml'];
const LATER: Readonly<Record<string, readonly string[]>> = {
  '03-cluster.yaml': ['functions'],
  '04-embedded.yaml': ['http'],
  '05-cache.yaml': ['listeners.main.routes[1].cache', 'upstreams.main.outage', 'caches', 'http'],
  '06-gateway.yaml': ['gateways'],
};

for (const name of RUNS) {
  test(`${name} loads`, () => {
    assert.ok(loadFile(fileOf(name)).admin);
  });
}

for (const [name, paths] of Object.entries(LATER)) {
  test(`${name} is refused for what is not available yet, and for nothing else`, () => {
    assert.throws(
      () => loadFile(fileOf(name)),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.deepEqual(
          error.faults.map((fault) => fault.path),
          paths,
        );
        for (const { reason } of error.faults)
          assert.match(reason, /not available in this version/);
        return true;
      },
    );
  });
}

test('the files are the examples beside the contract, where those are at hand', () => {
  const shared = path.join(ROOT, '../shared/configs');
  const names = existsSync(shared)
    ? readdirSync(shared).filter((name) => name.endsWith('.yaml'))
    : [];
  for (const name of names) {
    // As data: the formatter has its own opinion about white space.
    const read = (file: string) => parse(readFileSync(file, 'utf8'));
    assert.deepEqual(read(fileOf(name)), read(path.join(shared, name)), name);
  }
});

/** What runs is kept where users copy it from. */
function fileOf(name: string): string {
  return path.join(RUNS.includes(name) ? EXAMPLES : FIXTURES, name);
}
