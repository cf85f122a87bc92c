/** The append-only file: what was acknowledged is there again, whatever happened in between. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Engine } from '../../src/engine/engine.ts';
import type { FsyncPolicy } from '../../src/engine/persist/append-log.ts';
import { EngineClient } from '../support/engine.ts';
import { startRedis } from '../support/redis.ts';

class Folder {
  readonly path: string = mkdtempSync(path.join(os.tmpdir(), 'tidegate-engine-'));
  readonly warnings: string[] = [];

  file(name: string): string {
    return path.join(this.path, 'appendonlydir', name);
  }

  open(fsync: FsyncPolicy = 'no'): Engine {
    return new Engine({
      persistence: {
        dir: this.path,
        fsync,
        schedule: (target) => setImmediate(() => target.flush()),
        warn: (fields, message) => this.warnings.push(`${message} ${JSON.stringify(fields)}`),
        info: () => {},
        fail: (error) => {
          throw error;
        },
      },
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

const INCREMENT = 'appendonly.aof.1.incr.aof';

test('what was written is there after a restart, in every database and with its expiry', async () => {
  using folder = new Folder();
  const first = folder.open();
  const client = new EngineClient(first);
  client.ask(['SET', 'a', '1', 'EX', '1000']);
  client.ask(['INCR', 'n']);
  client.ask(['INCR', 'n']);
  client.database = 3;
  client.ask(['SET', 'b', 'three']);
  client.ask(['DEL', 'b', 'none']);
  client.ask(['SET', 'c', '\r\n\0']);
  await first.close();
  const second = folder.open();
  const again = new EngineClient(second);
  assert.equal(again.ask(['GET', 'a']), '$1\r\n1\r\n');
  assert.match(again.ask(['TTL', 'a']) ?? '', /^:(999|1000)\r\n$/);
  assert.equal(again.ask(['GET', 'n']), '$1\r\n2\r\n');
  again.database = 3;
  assert.equal(again.ask(['KEYS', '*']), '*1\r\n$1\r\nc\r\n');
  assert.equal(again.ask(['GET', 'c']), '$3\r\n\r\n\0\r\n');
  await second.close();
});

test('a file that is cut at any byte loads what is whole, and is mended', async () => {
  using folder = new Folder();
  const engine = folder.open();
  const client = new EngineClient(engine);
  for (const words of [
    ['SET', 'a', '1'],
    ['MULTI'],
    ['SET', 'b', '2'],
    ['SET', 'c', '3'],
    ['EXEC'],
  ]) {
    client.ask(words);
  }
  await engine.close();
  const whole = readFileSync(folder.file(INCREMENT));
  const hasAll = whole.length;
  const hasFirst = whole.indexOf('*1\r\n$5\r\nMULTI');
  for (let length = 0; length <= hasAll; length++) {
    writeFileSync(folder.file(INCREMENT), whole);
    truncateSync(folder.file(INCREMENT), length);
    folder.warnings.length = 0;
    const cut = folder.open();
    const found = new EngineClient(cut).ask(['EXISTS', 'a', 'b', 'c']);
    await cut.close();
    const expected = length === hasAll ? 3 : length >= hasFirst ? 1 : 0;
    assert.equal(found, `:${expected}\r\n`, `cut at ${length} of ${hasAll}`);
    const kept = readFileSync(folder.file(INCREMENT)).length;
    assert.equal(folder.warnings.length, kept < length ? 1 : 0);
    const mended = folder.open();
    assert.equal(new EngineClient(mended).ask(['EXISTS', 'a', 'b', 'c']), found);
    await mended.close();
  }
});

test('a hole at the end, as a crash of the machine leaves it, is cut off', async () => {
  using folder = new Folder();
  const engine = folder.open();
  new EngineClient(engine).ask(['SET', 'a', '1']);
  await engine.close();
  writeFileSync(folder.file(INCREMENT), Buffer.alloc(5000), { flag: 'a' });
  const again = folder.open();
  assert.equal(new EngineClient(again).ask(['GET', 'a']), '$1\r\n1\r\n');
  assert.match(folder.warnings[0] ?? '', /truncated .*"bytes":5000/);
  await again.close();
});

test('damage in the middle stops the start, with file and byte', async () => {
  using folder = new Folder();
  const engine = folder.open();
  const client = new EngineClient(engine);
  client.ask(['SET', 'a', '1']);
  client.ask(['SET', 'b', '2']);
  await engine.close();
  const bytes = readFileSync(folder.file(INCREMENT));
  const at = bytes.indexOf('*3');
  bytes[at + 5] = 0x21;
  writeFileSync(folder.file(INCREMENT), bytes);
  assert.throws(() => folder.open(), new RegExp(`incr.aof, byte ${at}: `));
});

test('under always a reply comes only when the file has the write', async () => {
  using folder = new Folder();
  const engine = folder.open('always');
  const client = new EngineClient(engine);
  assert.equal(client.ask(['SET', 'a', '1']), null, 'not yet');
  assert.equal(readFileSync(folder.file(INCREMENT)).length, 0);
  await new Promise((resolve) => setImmediate(resolve));
  assert.match(readFileSync(folder.file(INCREMENT), 'latin1'), /SET/);
  await engine.close();
});

test('a real server loads the directory, and its directory is loaded here', async () => {
  using folder = new Folder();
  const engine = folder.open();
  const client = new EngineClient(engine);
  for (let i = 0; i < 500; i++) client.ask(['SET', `k${i}`, `v${i}`, 'EX', '5000']);
  for (let i = 0; i < 100; i++) client.ask(['DEL', `k${i * 3}`]);
  await engine.close();
  const config = {
    dir: folder.path,
    appendonly: 'yes',
    'aof-use-rdb-preamble': 'no',
    'enable-debug-command': 'yes',
  };
  {
    await using server = await startRedis({ config });
    assert.equal(await server.ask('DBSIZE'), ':400\r\n');
    assert.equal(await server.ask('GET', 'k1'), '$2\r\nv1\r\n');
    await server.ask('SET', 'more', 'x');
    await server.ask('BGREWRITEAOF');
    await server.ask('CONFIG', 'SET', 'appendfsync', 'always');
    await server.ask('SET', 'last', 'y');
  }
  const again = folder.open();
  const reader = new EngineClient(again);
  assert.equal(reader.ask(['DBSIZE']), ':402\r\n');
  assert.equal(reader.ask(['GET', 'last']), '$1\r\ny\r\n');
  assert.match(reader.ask(['TTL', 'k1']) ?? '', /^:(4\d\d\d|5000)\r\n$/);
  await again.close();
});

test('a rewrite under load leaves exactly what is there, in fewer bytes', async () => {
  using folder = new Folder();
  const engine = folder.open();
  const client = new EngineClient(engine);
  for (let i = 0; i < 60_000; i++) client.ask(['SET', `k${i % 20_000}`, `v${i}`]);
  assert.match(client.ask(['BGREWRITEAOF']) ?? '', /^\+Background/);
  assert.match(client.ask(['BGREWRITEAOF']) ?? '', /^-ERR .*already/);
  let writes = 0;
  while (engine.persistence?.isRewriting === true) {
    for (let i = 0; i < 200; i++, writes++) {
      const key = `k${(writes * 7919) % 25_000}`;
      client.ask(writes % 3 === 0 ? ['DEL', key] : ['APPEND', key, '+']);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(writes > 1000, `${writes} writes meanwhile`);
  for (let i = 0; i < 500; i++) client.ask(['APPEND', `k${i}`, '!']);
  const before = await contents(client);
  await engine.close();
  assert.match(readFileSync(folder.file('appendonly.aof.manifest'), 'latin1'), /2\.base\.aof/);
  const again = folder.open();
  assert.deepEqual(await contents(new EngineClient(again)), before);
  await again.close();
});

async function contents(client: EngineClient): Promise<Map<string, string>> {
  const keys = client
    .ask(['KEYS', '*'])!
    .split('\r\n')
    .filter((line) => line.startsWith('k'));
  return new Map(keys.sort().map((key) => [key, client.ask(['GET', key])!]));
}
