/**
 * `npm test`: every `*.test.ts` of src/ and test/, through the Node this runs under.
 *
 *   npm test                       everything, short forms of the long-running tests
 *   npm test -- proxy split        only files whose path contains one of the words
 *   npm run test:long              torture for 5 minutes, fuzzing for 10, and `*.long.test.ts`
 *   npm test -- --seconds 60       the long-running tests for that long
 *   TIDEGATE_SEED=7 npm test       repeats a random run
 *
 * Fails when a test fails, when none ran, and when one was skipped: a skipped test proves nothing.
 */
import { globSync } from 'node:fs';
import path from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { ensureTools } from '../test/support/install.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const LONG_TORTURE_SECONDS = 300;
/** Two cores: one file's servers work while another's start. */
const FILES_AT_ONCE = 3;
const FILE_LIMIT_MS = 180_000;

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    long: { type: 'boolean', default: false },
    seconds: { type: 'string' },
  },
});

const seconds = options.seconds ?? (options.long ? String(LONG_TORTURE_SECONDS) : undefined);
if (seconds !== undefined) process.env['TIDEGATE_TEST_SECONDS'] = seconds;
const extraMs = Number(seconds ?? 0) * 3000;

await ensureTools('redis-server', 'openssl');
process.exitCode = await runFiles(filesToRun());

function filesToRun(): string[] {
  const all = globSync(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: ROOT }).sort();
  return all
    .filter((file) => options.long || !file.endsWith('.long.test.ts'))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .map((file) => path.join(ROOT, file));
}

/** Runs the files and prints what node prints; returns the exit code. */
async function runFiles(files: string[]): Promise<number> {
  if (files.length === 0) {
    console.error(`no test file matches ${words.join(' ')}`);
    return 1;
  }
  const events = run({
    files,
    concurrency: FILES_AT_ONCE,
    timeout: FILE_LIMIT_MS + extraMs,
    cwd: ROOT,
  });
  const counts = { tests: 0, suites: 0, passed: 0, failed: 0, cancelled: 0, skipped: 0, todo: 0 };
  let durationMs = 0;
  events.on('test:summary', (summary) => {
    if (summary.file !== undefined) return;
    Object.assign(counts, summary.counts);
    durationMs = summary.duration_ms;
  });
  const printed = events.compose(new spec());
  for await (const text of printed) process.stdout.write(text);
  // Once more in TAP's words: that is what scripts look for.
  const { tests, suites, passed, failed, cancelled, skipped, todo } = counts;
  const lines = { tests, suites, pass: passed, fail: failed, cancelled, skipped, todo };
  for (const [name, count] of Object.entries(lines)) console.log(`# ${name} ${count}`);
  console.log(`# duration_ms ${durationMs}`);
  if (tests === 0) console.error('no test ran');
  if (skipped > 0) console.error('a skipped test proves nothing');
  return tests > 0 && failed + cancelled + skipped === 0 ? 0 : 1;
}
