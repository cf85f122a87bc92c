/** BullMQ, a queue whose scripts, streams, blocking reads and transactions all go through the door. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Queue, QueueEvents, Worker } from 'bullmq';
import { until, within } from '../support/bounded.ts';
import { startCluster } from '../support/cluster.ts';
import { startRedises } from '../support/redis.ts';
import { cluster, shards, startTidegate, type Tidegate } from '../support/tidegate.ts';

const JOBS = 200;
const LIMIT_MS = 30_000;

test('a queue runs every job once: at once, later, again after a failure', async () => {
  await using servers = await startRedises(4);
  await using gate = await startTidegate(shards(servers.addresses, { hash_tags: true }));
  await runQueue(gate);
});

test('a queue runs every job once on a cluster too', async () => {
  await using servers = await startCluster();
  await using gate = await startTidegate(cluster(servers.addresses));
  await runQueue(gate);
});

async function runQueue(gate: Tidegate): Promise<void> {
  const connection = { host: '127.0.0.1', port: gate.port, maxRetriesPerRequest: null };
  const options = { connection, prefix: '{bull}' };
  const queue = new Queue('work', options);
  const events = new QueueEvents('work', options);
  const heard = new Set<string>();
  events.on('completed', ({ jobId }) => heard.add(jobId));
  const done = new Map<string, number>();
  const worker = new Worker(
    'work',
    async (job) => {
      if (job.name === 'second-try' && job.attemptsMade === 0) throw new Error('not at first');
      done.set(job.id!, (done.get(job.id!) ?? 0) + 1);
      return Number(job.data.n) * 2;
    },
    { ...options, concurrency: 10 },
  );
  try {
    await within(events.waitUntilReady(), LIMIT_MS, 'events');
    await within(worker.waitUntilReady(), LIMIT_MS, 'worker');
    await queue.addBulk(
      Array.from({ length: JOBS }, (_none, n) => ({ name: 'plain', data: { n } })),
    );
    const late = await queue.add('late', { n: 1 }, { delay: 300 });
    const again = await queue.add('second-try', { n: 2 }, { attempts: 3, backoff: 50 });
    const returned = await within(late.waitUntilFinished(events), LIMIT_MS, 'the late job');
    assert.equal(returned, 2);
    assert.equal(await within(again.waitUntilFinished(events), LIMIT_MS, 'the second try'), 4);
    await until(() => done.size === JOBS + 2, 'all jobs are done', LIMIT_MS);
    await until(() => heard.size === JOBS + 2, 'all events are heard', LIMIT_MS);
    assert.ok([...done.values()].every((times) => times === 1));
    const counts = await queue.getJobCounts();
    assert.deepEqual([counts['completed'], counts['failed'], counts['active']], [JOBS + 2, 0, 0]);
    await queue.obliterate({ force: true });
  } finally {
    await Promise.all([worker.close(), events.close()]);
    await queue.close();
  }
}
