/** What splitting and gathering cost without any socket: MGET over four servers that answer at once. */
import {
  type Backend,
  NOTHING_TO_LEND,
  type Refusal,
  type Sink,
} from '../../src/backend/backend.ts';
import { Command } from '../../src/commands/command.ts';
import { specByName, UNKNOWN } from '../../src/commands/lookup.ts';
import type { Group } from '../../src/routing/group.ts';
import { createDistribution } from '../../src/routing/hash/distribution.ts';
import { Router } from '../../src/routing/router.ts';

const SERVERS = 4;
const VALUE = '$3\r\nxxx\r\n';
const MILLISECONDS = 1500;

class Canned implements Backend {
  readonly #replies = new Map<number, Buffer>();

  dispatch(command: Command, sink: Sink): void {
    const count = command.argc - 1;
    let reply = this.#replies.get(count);
    if (reply === undefined) {
      reply = Buffer.from(`*${count}\r\n${VALUE.repeat(count)}`);
      this.#replies.set(count, reply);
    }
    sink.reply(reply, 0, reply.length);
  }

  lease(): Refusal {
    return NOTHING_TO_LEND;
  }

  async close(): Promise<void> {
    // Nothing is held.
  }
}

const servers = Array.from({ length: SERVERS }, () => new Canned());
const distribution = createDistribution(
  'ketama',
  servers.map((_server, index) => ({ key: `127.0.0.1:${7001 + index}`, weight: 1 })),
);
const group: Group = {
  name: 'main',
  only: null,
  primaries: () => servers,
  nodes: () => servers,
  serverOf: (bytes, start, end) => servers[distribution.pick(bytes, start, end)]!,
  any: () => servers[0]!,
  close: async () => undefined,
};
const route = {
  prefix: '',
  removePrefix: false,
  keyFormat: '',
  group,
  readGroup: null,
  mirrors: [],
};
const router = new Router([route], false, UNKNOWN, null);
let bytes = 0;
const sink: Sink = {
  reply: (_bytes, start, end) => {
    bytes += end - start;
  },
  fail: (error) => {
    throw error;
  },
};

for (const count of [10, 100]) {
  const command = new Command(UNKNOWN, Buffer.alloc(0));
  const keys = Array.from({ length: count }, (_, i) => `key:${String(i * 7919).padStart(12, '0')}`);
  command.fill(['MGET', ...keys].map((word) => Buffer.from(word)));
  command.spec = specByName('mget')!;
  for (let i = 0; i < 20_000; i++) router.dispatch(command, sink);
  const until = performance.now() + MILLISECONDS;
  const begin = process.cpuUsage();
  let rounds = 0;
  while (performance.now() < until) {
    for (let i = 0; i < 100; i++) router.dispatch(command, sink);
    rounds += 100;
  }
  const used = process.cpuUsage(begin);
  const micros = (used.user + used.system) / rounds;
  console.log(
    `MGET of ${count}: ${micros.toFixed(2)} µs, ${((micros * 1000) / count).toFixed(0)} ns a key`,
  );
}
if (bytes === 0) throw new Error('nothing was answered');
