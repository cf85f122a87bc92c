import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { ScriptShelves, Scripts } from './scripts.ts';

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}

function remember(scripts: Scripts, text: string): void {
  // As in a command: a part of memory that is used again.
  const bytes = Buffer.from(`##${text}##`);
  scripts.remember(bytes, 2, bytes.length - 2);
  bytes.fill('#');
}

test('a script is found by its SHA1, in either case, with the command that loads it', () => {
  const scripts = new Scripts();
  remember(scripts, 'return 1');
  const digest = sha1('return 1');
  assert.equal(scripts.find(digest)?.source.toString(), 'return 1');
  assert.equal(scripts.find(digest.toUpperCase())?.digest, digest);
  const load = '*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n$8\r\nreturn 1\r\n';
  assert.equal(scripts.find(digest)?.load.toString(), load);
  assert.equal(scripts.find(sha1('return 2')), null);
  assert.equal(scripts.find('x'), null);
});

test('scripts that look alike are told apart, and one that comes again is kept once', () => {
  const scripts = new Scripts();
  // The same length and the same bytes but for one that no sample meets.
  const texts = ['a', 'b', 'c'].map((letter) => `${'x'.repeat(50)}${letter}${'x'.repeat(50)}`);
  for (const text of [...texts, ...texts]) remember(scripts, text);
  for (const text of texts) assert.equal(scripts.find(sha1(text))?.source.toString(), text);
  assert.equal(scripts.count, 3);
  remember(scripts, '');
  assert.equal(scripts.find(sha1(''))?.source.length, 0);
});

test('there is a limit to their number, and the one used longest ago leaves', () => {
  const scripts = new Scripts();
  for (let i = 0; i < 4096; i++) remember(scripts, `return ${i}`);
  assert.notEqual(scripts.find(sha1('return 0')), null);
  remember(scripts, 'return 4096');
  assert.equal(scripts.count, 4096);
  assert.notEqual(scripts.find(sha1('return 0')), null);
  assert.equal(scripts.find(sha1('return 1')), null);
});

test('there is a limit to their bytes, and none is kept that is longer than a million of them', () => {
  const scripts = new Scripts();
  const long = (i: number): string => `return ${i} --${'x'.repeat(1_000_000)}`;
  for (let i = 0; i < 40; i++) remember(scripts, long(i));
  assert.ok(scripts.bytes <= 16 * 1024 * 1024);
  assert.deepEqual([scripts.count, scripts.find(sha1(long(0)))], [16, null]);
  assert.notEqual(scripts.find(sha1(long(39))), null);
  const tooLong = 'x'.repeat(1024 * 1024 + 1);
  remember(scripts, tooLong);
  assert.equal(scripts.find(sha1(tooLong)), null);
});

test('a flush forgets everything', () => {
  const scripts = new Scripts();
  remember(scripts, 'return 1');
  scripts.flush();
  assert.deepEqual([scripts.count, scripts.bytes, scripts.flushes], [0, 0, 1]);
  assert.equal(scripts.find(sha1('return 1')), null);
});

test('other workers hear once of what is loaded, and of each flush, but not of EVAL', async () => {
  const told: string[] = [];
  const shelves = new ScriptShelves((upstream) => ({
    onLoaded: (source) => told.push(`${upstream} ${source}`),
    onFlushed: () => told.push(`${upstream} flush`),
  }));
  const bytes = Buffer.from('return 1');
  const scripts = shelves.of('main');
  scripts.remember(bytes, 0, bytes.length);
  for (let server = 0; server < 3; server++) scripts.load(bytes, 0, bytes.length);
  for (let server = 0; server < 3; server++) scripts.flush();
  await Promise.resolve();
  scripts.flush();
  assert.deepEqual(told, ['main return 1', 'main flush', 'main flush']);
  const other = new ScriptShelves(() => null);
  other.hear('main', bytes);
  assert.equal(other.of('main').count, 0, 'nobody asks that upstream here');
  other.hear('main', bytes);
  assert.equal(other.of('main').find(sha1('return 1'))?.isShared, true);
  other.hear('main', null);
  assert.equal(other.of('main').count, 0);
  const before = other.of('main');
  other.retain(new Set(['main']));
  assert.equal(other.of('main'), before);
  other.retain(new Set());
  assert.notEqual(other.of('main'), before);
});
