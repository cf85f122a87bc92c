import assert from 'node:assert/strict';
import { test } from 'node:test';
import { borrow } from '../core/pool.ts';
import { WriteLog } from './write-log.ts';

const CHUNK_BYTES = 64 * 1024;

function append(log: WriteLog, text: string): number {
  const bytes = Buffer.from(`##${text}##`, 'latin1');
  log.append(bytes, 2, bytes.length - 2);
  return log.appended;
}

/** What the socket is given; the views stay, as in a socket that waits. */
function flush(log: WriteLog, until = log.appended): Buffer[] {
  const given: Buffer[] = [];
  log.flush(until, (bytes) => given.push(bytes));
  return given;
}

function textOf(buffers: readonly Buffer[]): string {
  return Buffer.concat(buffers).toString('latin1');
}

/** Whoever borrows a buffer now scribbles on it. */
function scribble(): void {
  for (let i = 0; i < 100; i++) borrow(CHUNK_BYTES).fill('!');
}

test('what is flushed is what was appended, in order and once', () => {
  const log = new WriteLog();
  append(log, 'abc');
  append(log, 'def');
  assert.equal(textOf(flush(log)), 'abcdef');
  append(log, 'ghi');
  assert.equal(textOf(flush(log)), 'ghi');
  assert.equal(textOf(flush(log)), '');
});

test('a flush may stop between two commands', () => {
  const log = new WriteLog();
  const middle = append(log, 'abc');
  append(log, 'def');
  assert.equal(textOf(flush(log, middle)), 'abc');
  assert.equal(textOf(flush(log)), 'def');
});

test('bytes passed over are not written', () => {
  const log = new WriteLog();
  const one = append(log, 'one');
  const two = append(log, 'two');
  append(log, 'three');
  const given = flush(log, one);
  log.skipTo(two);
  log.skipTo(one);
  assert.equal(textOf([...given, ...flush(log)]), 'onethree');
});

test('chunks follow each other and a command never spans two', () => {
  const log = new WriteLog();
  const commands = Array.from({ length: 50 }, (_none, i) =>
    String.fromCharCode(97 + (i % 26)).repeat(5000 + i),
  );
  const ends = commands.map((command) => append(log, command));
  assert.equal(textOf(flush(log)), commands.join(''));
  for (const [i, command] of commands.entries()) {
    assert.equal(log.read(ends[i - 1] ?? 0, ends[i]!).toString('latin1'), command);
  }
});

test('a command larger than a chunk is kept in one piece', () => {
  const log = new WriteLog();
  const before = append(log, 'small');
  const big = append(log, 'x'.repeat(3 * CHUNK_BYTES));
  const after = append(log, 'tail');
  assert.equal(textOf(flush(log)), `small${'x'.repeat(3 * CHUNK_BYTES)}tail`);
  assert.equal(log.read(before, big).length, 3 * CHUNK_BYTES);
  assert.equal(log.read(big, after).toString(), 'tail');
});

test('what is answered is forgotten, what is not can still be read', () => {
  const log = new WriteLog();
  const commands = Array.from({ length: 40 }, (_none, i) => `${i}:`.padEnd(6000, 'x'));
  const ends = commands.map((command) => append(log, command));
  flush(log);
  for (const [i, end] of ends.entries()) {
    log.release(end, 0);
    scribble();
    if (i + 1 < ends.length)
      assert.equal(log.read(end, ends[i + 1]!).toString('latin1'), commands[i + 1]);
    assert.equal(log.heldBytes, log.appended - end);
  }
});

test('the log goes on after everything was answered', () => {
  const log = new WriteLog();
  for (let i = 0; i < 5; i++) {
    const end = append(log, `command ${i}`);
    assert.equal(textOf(flush(log)), `command ${i}`);
    log.release(end, 0);
  }
  assert.equal(log.heldBytes, 0);
});

test('bytes answered before the socket wrote them are not given to anyone else', () => {
  const log = new WriteLog();
  const end = append(log, 'abc');
  const given = flush(log);
  log.release(end, 3);
  scribble();
  assert.equal(textOf(given), 'abc');
  assert.equal(log.heldBytes, 3);
  log.release(end, 0);
  assert.equal(log.heldBytes, 0);
});

test('a chunk the socket still wants is kept while later ones are filled and answered', () => {
  const log = new WriteLog();
  const ends = Array.from({ length: 30 }, (_none, i) => append(log, `${i}:`.padEnd(10_000, 'x')));
  const given = flush(log);
  const written = textOf(given);
  log.release(ends.at(-1)!, log.appended);
  scribble();
  assert.equal(textOf(given), written);
  log.release(ends.at(-1)!, 10_000);
  scribble();
  assert.equal(textOf(given.slice(-1)), written.slice(-given.at(-1)!.length));
});

test('bytes that were passed over are not mistaken for bytes that were written', () => {
  const log = new WriteLog();
  const first = append(log, 'a'.repeat(CHUNK_BYTES));
  const given = flush(log);
  const second = append(log, 'b'.repeat(CHUNK_BYTES));
  log.skipTo(second);
  append(log, 'c'.repeat(CHUNK_BYTES));
  given.push(...flush(log));
  log.release(second, 2 * CHUNK_BYTES);
  scribble();
  assert.equal(textOf(given), 'a'.repeat(CHUNK_BYTES) + 'c'.repeat(CHUNK_BYTES));
  assert.ok(first < second);
});

test('commands given up before anything was written leave nothing behind', () => {
  const log = new WriteLog();
  const end = append(log, 'abc');
  log.skipTo(end);
  log.release(end, 0);
  assert.equal(log.heldBytes, 0);
  append(log, 'def');
  assert.equal(textOf(flush(log)), 'def');
});
