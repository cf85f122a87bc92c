import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Random, seedOfRun } from '../support/random.ts';
import { comparePlacements } from './envoy-placement.ts';

it('puts 10,000 random keys of every kind of ring where a real Envoy puts them', async (test) => {
  const random = new Random(seedOfRun());
  test.diagnostic(`seed ${random.seed}`);
  for (const { name, agreed, found, keys } of await comparePlacements(10_000, random)) {
    assert.equal(agreed, keys, name);
    assert.equal(found ?? keys, keys, `${name}, read through our gateway`);
  }
});
