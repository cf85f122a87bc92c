/**
 * Loads that redis-benchmark cannot make, or not cheaply enough: GET and SET in turn, and MGET of many keys,
 * at random keys, by one process of its own.
 *
 *   node bench/prepared-load.ts PORT CLIENTS PIPELINE VALUE_BYTES KEY_SPACE SECONDS MGET_KEYS
 *
 * MGET_KEYS 0 means GET and SET. For an MGET of a hundred keys redis-benchmark spends more time on making keys
 * up and on taking replies apart than a proxy does on the command, so it would be what is measured.
 *
 * Prints one line of JSON. To cost little beside what it measures it decodes nothing: batches are encoded
 * beforehand, every key exists and every value has the same size, so a batch is answered when as many bytes
 * as expected have come. The first byte and the last bytes of each batch are looked at; an error, or one byte
 * too many, ends the run with exit code 1.
 */
import net from 'node:net';
import { performance } from 'node:perf_hooks';
import { keyName } from './loads.ts';

const BATCHES = 256;
const WARMUP_PART = 0.1;

interface Batch {
  readonly request: Buffer;
  readonly replyBytes: number;
  readonly first: number;
}

const figures = process.argv.slice(2).map(Number);
const [port = 0, clients = 1, pipeline = 1, valueBytes = 3, keys = 1, seconds = 1, many = 0] =
  figures;
const value = 'x'.repeat(valueBytes);
const batches = Array.from({ length: BATCHES }, makeBatch);
const latenciesMs: number[] = [];
const began = performance.now();
const counted = began + seconds * 1000 * WARMUP_PART;
const end = began + seconds * 1000;
let requests = 0;
let requestsCounted = 0;
let running = clients;

for (let i = 0; i < clients; i++) client(i);

function makeBatch(): Batch {
  return many === 0 ? makeMixed() : makeMany();
}

function makeMany(): Batch {
  const parts: string[] = [];
  for (let i = 0; i < pipeline; i++) {
    const args = ['MGET', ...Array.from({ length: many }, randomKey)];
    parts.push(encode(args));
  }
  const element = `$${valueBytes}\r\n`.length + valueBytes + 2;
  const replyBytes = pipeline * (`*${many}\r\n`.length + many * element);
  return { request: Buffer.from(parts.join(''), 'latin1'), replyBytes, first: '*'.charCodeAt(0) };
}

function randomKey(): string {
  return keyName(Math.floor(Math.random() * keys));
}

function encode(args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;
}

function makeMixed(): Batch {
  const parts: string[] = [];
  let replyBytes = 0;
  const startsWithGet = Math.random() < 0.5;
  for (let i = 0; i < pipeline; i++) {
    const isGet = startsWithGet === (i % 2 === 0);
    parts.push(encode(isGet ? ['GET', randomKey()] : ['SET', randomKey(), value]));
    replyBytes += isGet ? `$${valueBytes}\r\n`.length + valueBytes + 2 : '+OK\r\n'.length;
  }
  const request = Buffer.from(parts.join(''), 'latin1');
  return { request, replyBytes, first: (startsWithGet ? '$' : '+').charCodeAt(0) };
}

function client(index: number): void {
  const socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
  let turn = index;
  let batch = batches[turn % BATCHES]!;
  let expected = 0;
  let sentAt = 0;
  const send = (): void => {
    batch = batches[turn++ % BATCHES]!;
    expected = batch.replyBytes;
    sentAt = performance.now();
    socket.write(batch.request);
  };
  socket.once('connect', send);
  socket.once('error', (error) => fail(error.message));
  socket.once('end', () => fail('closed by the peer'));
  socket.on('data', (chunk: Buffer) => {
    if (expected === batch.replyBytes && chunk[0] !== batch.first) fail(chunk.toString('latin1'));
    expected -= chunk.length;
    if (expected > 0) return;
    if (expected < 0) fail(`more than was asked for: ${chunk.subarray(-64).toString('latin1')}`);
    const now = performance.now();
    requests += pipeline;
    if (now >= counted) {
      latenciesMs.push(now - sentAt);
      requestsCounted += pipeline;
    }
    if (now < end) send();
    else finish(socket);
  });
}

function finish(socket: net.Socket): void {
  socket.removeAllListeners('end');
  socket.destroy();
  running--;
  if (running > 0) return;
  const tookMs = performance.now() - counted;
  const sorted = Float64Array.from(latenciesMs).sort();
  const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? 0;
  const rps = (requestsCounted * 1000) / tookMs;
  process.stdout.write(`${JSON.stringify({ requests, rps, p50Ms: at(0.5), p99Ms: at(0.99) })}\n`);
}

function fail(reason: string): void {
  process.stderr.write(`wrong reply: ${reason.slice(0, 300)}\n`);
  process.exit(1);
}
