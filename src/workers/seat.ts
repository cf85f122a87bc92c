/** In a thread: one `Worker` that does what the main thread says. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Log, type LogLevel, limitRepeats } from '../core/log.ts';
import type { AskPeers } from '../session/clients.ts';
import { Worker } from '../worker.ts';
import { Calls, type Message } from './calls.ts';
import { Collector } from './collect.ts';
import type { ThreadData } from './thread.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
/** Longer than the main thread waits for each of the others. */
const PEERS_MS_MAX = 5000;

if (parentPort === null) throw new Error('this file is the start of a thread');
const port = parentPort;
const { config, identity } = workerData as ThreadData;
// Repeats are counted here: what is left out must not cost the main thread anything.
const log = limitRepeats(forwardingLog());
let level = config.log.level;
/** The level of a configuration that waits to be put in force. */
let nextLevel = level;
let worker: Worker | null = null;
let collector: Collector | null = null;

const calls = new Calls((message) => port.postMessage(message), {
  ready: async () => null,
  listen: async (bound) => {
    const { index, count } = identity;
    const askPeers: AskPeers = (question) => calls.ask('peers', question, PEERS_MS_MAX);
    worker = new Worker(config, log, { index, count }, askPeers, endThread, bound);
    collector = new Collector(worker, index);
    await worker.listen();
    return worker.addresses;
  },
  prepare: async ({ config: next, bound }) => {
    nextLevel = next.log.level;
    return await running(worker).prepare(next, bound);
  },
  commit: async () => {
    level = nextLevel;
    running(worker).commit();
    return null;
  },
  abort: async () => {
    await running(worker).abort();
    return null;
  },
  snapshot: async () => running(collector).collect(),
  clients: async (question) => running(worker).clients.answer(question),
  drain: async () => {
    await running(worker).drain();
    return null;
  },
  close: async () => {
    collector?.close();
    await worker?.close();
    log.flush();
    return null;
  },
});

port.on('message', (message: Exclude<Message, { type: 'log' }>) => calls.receive(message));

/** A thread that dies ends the process. */
function endThread(reason: string): void {
  throw new Error(reason);
}

function running<T>(part: T | null): T {
  if (part === null) throw new Error('the worker does not run yet');
  return part;
}

/** Lines are written by the main thread alone, whole and in order. */
function forwardingLog(): Log {
  const forward =
    (own: LogLevel) =>
    (fields: object, text: string): void => {
      if (LEVELS.indexOf(own) < LEVELS.indexOf(level)) return;
      const message: Message = {
        type: 'log',
        level: own,
        fields: { worker: identity.index, ...fields },
        text,
      };
      port.postMessage(message);
    };
  return {
    debug: forward('debug'),
    info: forward('info'),
    warn: forward('warn'),
    error: forward('error'),
  };
}
