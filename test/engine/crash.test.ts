/** A gateway that is killed at random moments: what it had acknowledged is there when it comes again. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { sleep } from '../support/bounded.ts';
import { Random, secondsOfRun, seedOfRun } from '../support/random.ts';
import { embedded, startTidegate, type Tidegate } from '../support/tidegate.ts';
import type { Wire } from '../support/wire.ts';

const CLIENTS = 8;
const SECONDS_PER_KILL = 1.5;
/** The long form kills 200 times in 300 s. */
const KILLS = Math.max(3, Math.round(secondsOfRun(0) / SECONDS_PER_KILL));

/** One client's own keys, and what is known of them. */
class Writer {
  readonly #name: string;
  #acknowledged = 0;
  #attempted = 0;
  /** When each count was acknowledged. */
  readonly #times: number[] = [];

  constructor(index: number) {
    this.#name = `writer:${index}`;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Counts, appends and moves in one transaction, until the connection ends. */
  async run(wire: Wire): Promise<void> {
    const { n, l, s } = this.#keys;
    try {
      while (true) {
        this.#attempted++;
        const number = String(this.#attempted);
        const replies = await wire.askAll([
          ['MULTI'],
          ['INCR', n],
          ['RPUSH', l, number],
          ['SADD', s, number],
          ['EXEC'],
        ]);
        if (replies.at(-1)?.startsWith('*3') !== true) return;
        this.#acknowledged = this.#attempted;
        this.#times[this.#acknowledged] = performance.now();
      }
    } catch {
      // Killed in the middle of it: nothing is known of the last one.
    }
  }

  /** Throws if something acknowledged before `since` is gone, or only a part of a transaction is there. */
  async check(wire: Wire, since: number): Promise<void> {
    const { n, l, s } = this.#keys;
    const [count, length, size] = await wire.askAll([
      ['GET', n],
      ['LLEN', l],
      ['SCARD', s],
    ]);
    const value = Number(/\r\n(\d+)\r\n/.exec(count!)?.[1] ?? 0);
    assert.equal(length, `:${value}\r\n`, 'a list as long as its count');
    assert.equal(size, `:${value}\r\n`, 'a set as large as its count');
    let owed = this.#acknowledged;
    while (owed > 0 && this.#times[owed]! > since) owed--;
    assert.ok(value >= owed, `${this.#name}: ${value} is there, ${owed} was acknowledged`);
    assert.ok(value <= this.#attempted, `${this.#name}: ${value} of ${this.#attempted}`);
    this.#acknowledged = value;
    this.#attempted = value;
  }

  get #keys(): { n: string; l: string; s: string } {
    return { n: `${this.#name}:n`, l: `${this.#name}:l`, s: `${this.#name}:s` };
  }
}

for (const [policy, lossMs] of [
  ['always', 0],
  ['everysec', 1000],
] as const) {
  test(`killed under ${policy}, it has what it acknowledged ${lossMs} ms before`, async (context) => {
    const random = new Random(seedOfRun());
    context.diagnostic(`seed ${random.seed}, ${KILLS} kills`);
    const dir = mkdtempSync(path.join(os.tmpdir(), 'tidegate-crash-'));
    try {
      const writers = Array.from({ length: CLIENTS }, (_none, index) => new Writer(index));
      let killedAt = Infinity;
      for (let kill = 0; kill <= KILLS; kill++) {
        await using gate = await startTidegate(embedded({ dir, appendonly: policy }));
        await check(gate, writers, killedAt - lossMs);
        if (kill === KILLS) break;
        killedAt = await killAmid(gate, writers, random);
      }
      const total = writers.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
      context.diagnostic(`${total} transactions are there`);
      assert.ok(total > KILLS * CLIENTS, `${total} transactions`);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
}

async function check(gate: Tidegate, writers: readonly Writer[], since: number): Promise<void> {
  await using wire = await gate.connect();
  for (const writer of writers) await writer.check(wire, since);
}

/** When it was killed. */
async function killAmid(
  gate: Tidegate,
  writers: readonly Writer[],
  random: Random,
): Promise<number> {
  const wires = await Promise.all(writers.map(() => gate.connect()));
  const runs = writers.map((writer, index) => writer.run(wires[index]!));
  if (random.chance(30)) assert.match(await gate.ask('BGREWRITEAOF'), /^\+/);
  await sleep(random.between(20, 400));
  process.kill(gate.pid, 'SIGKILL');
  const killedAt = performance.now();
  await Promise.all(runs);
  for (const wire of wires) wire.close();
  return killedAt;
}
