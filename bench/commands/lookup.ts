/**
 * What finding a command by its bytes costs. Run: node bench/commands/lookup.ts
 *
 * Each figure is the best of several rounds, in nanoseconds: the others measure the neighbours on the machine.
 */
import { CommandTable } from '../../src/commands/lookup.ts';

const ROUNDS = 7;
const CALLS = 3_000_000;
const NAMES = [
  'GET',
  'SET',
  'hgetall',
  'EXPIREAT',
  'CLIENT',
  'ZREVRANGEBYSCORE',
  'foo.get',
  'NOSUCH',
];

const table = new CommandTable(['foo.get']);

for (const name of NAMES) {
  const bytes = Buffer.from(`*2\r\n$${name.length}\r\n${name}\r\n`, 'latin1');
  const start = bytes.indexOf('\n', 4) + 1;
  const end = start + name.length;
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) best = Math.min(best, measure(bytes, start, end));
  console.log(`${name.padEnd(18)} ${best.toFixed(1)} ns`);
}

function measure(bytes: Uint8Array, start: number, end: number): number {
  let found = 0;
  const before = process.hrtime.bigint();
  for (let call = 0; call < CALLS; call++) {
    if (table.lookup(bytes, start, end) !== undefined) found++;
  }
  const spent = Number(process.hrtime.bigint() - before);
  // Keeps the loop from being optimised away.
  if (found > CALLS) throw new Error('impossible');
  return spent / CALLS;
}
