import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { until } from '../../test/support/bounded.ts';
import { type Log, silent } from './log.ts';
import { type Secret, SecretFiles, secretIn } from './secret-files.ts';

class Folder implements Disposable {
  readonly path: string = mkdtempSync(path.join(tmpdir(), 'tidegate-secret-'));
  readonly lines: string[] = [];
  readonly files: SecretFiles;

  constructor(pollMs?: number) {
    const log: Log = {
      ...silent,
      info: (_fields, text) => this.lines.push(text),
      warn: (_fields, text) => this.lines.push(text),
    };
    this.files = new SecretFiles(log, pollMs);
  }

  at(name: string): string {
    return path.join(this.path, name);
  }

  write(name: string, text: string): void {
    writeFileSync(this.at(name), text);
  }

  [Symbol.dispose](): void {
    this.files.close();
    rmSync(this.path, { recursive: true, force: true });
  }
}

function becomes(secret: Secret, text: string): Promise<void> {
  return until(() => secret.text === text, `the secret becomes ${text}`, 4000, 5);
}

test('a file written anew is read anew, and so is one put in its place', async () => {
  using folder = new Folder(60_000);
  folder.write('a', 'one\n');
  const secret = folder.files.open(folder.at('a'), 'one');
  assert.equal(folder.files.open(folder.at('a'), 'one'), secret, 'one for each file');
  folder.write('a', 'two\n');
  await becomes(secret, 'two');
  folder.write('b', 'three');
  renameSync(folder.at('b'), folder.at('a'));
  await becomes(secret, 'three');
  assert.deepEqual(folder.lines, ['secret exchanged', 'secret exchanged']);
});

test('what changed between reading and watching is found at once', async () => {
  using folder = new Folder(60_000);
  folder.write('a', 'two');
  await becomes(folder.files.open(folder.at('a'), 'one'), 'two');
});

test('a link of the folder that is turned is followed', async () => {
  using folder = new Folder(60_000);
  for (const version of ['v1', 'v2']) {
    mkdirSync(folder.at(version));
    folder.write(`${version}/password`, version);
  }
  symlinkSync('v1', folder.at('data'));
  symlinkSync('data/password', folder.at('password'));
  const secret = folder.files.open(folder.at('password'), 'v1');
  symlinkSync('v2', folder.at('next'));
  renameSync(folder.at('next'), folder.at('data'));
  await becomes(secret, 'v2');
});

test('what is empty, gone or too large leaves the old secret, and is told once', async () => {
  using folder = new Folder(20);
  folder.write('a', 'one');
  const secret = folder.files.open(folder.at('a'), 'one');
  folder.write('a', '');
  await until(() => folder.lines.length === 1, 'it is told');
  rmSync(folder.at('a'));
  folder.write('a', 'x'.repeat(100_000));
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.deepEqual(folder.lines, ['secret cannot be read anew, the old one stays']);
  assert.equal(secret.text, 'one');
  folder.write('a', 'two');
  await becomes(secret, 'two');
});

test('a file that nobody uses any more is left alone', async () => {
  using folder = new Folder(20);
  folder.write('a', 'one');
  folder.write('b', 'one');
  const [old, kept] = ['a', 'b'].map((name) => folder.files.open(folder.at(name), 'one'));
  folder.files.retain(new Set([folder.at('b')]));
  folder.write('a', 'two');
  folder.write('b', 'two');
  await becomes(kept!, 'two');
  assert.equal(old!.text, 'one');
});

test('what was just read elsewhere holds at once', () => {
  using folder = new Folder(60_000);
  folder.write('a', 'two');
  const secret = folder.files.open(folder.at('a'), 'one');
  folder.files.open(folder.at('a'), 'two');
  assert.equal(secret.text, 'two', 'without waiting for a look');
});

test('where nothing tells of changes they are found by looking', async () => {
  using folder = new Folder(20);
  mkdirSync(folder.at('inner'));
  folder.write('inner/a', 'one');
  symlinkSync('inner/a', folder.at('a'));
  const secret = folder.files.open(folder.at('a'), 'one');
  // Its folder is not the one watched.
  folder.write('inner/a', 'two');
  await becomes(secret, 'two');
});

test('one line break at the end is no part of a secret', () => {
  assert.deepEqual(['a\n', 'a\r\n', 'a\n\n', ' a '].map(secretIn), ['a', 'a', 'a\n', ' a ']);
});
