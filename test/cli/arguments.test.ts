/** What the command line says to wrong calls, and with which exit code it ends. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { ROOT, runTidegate } from '../support/tidegate.ts';

const FIXTURE = path.join(ROOT, 'examples/01-shards.yaml');

const MISUSES: readonly [args: string, text: RegExp][] = [
  ['serve --workers 2', /^tidegate: --workers: found 2, allowed 1: the engine of upstreams.main/],
  ['serve --clster a:1', /^tidegate: unknown option '--clster'/],
  ['serve --cluster a', /^tidegate: --cluster: found "a", allowed host:port/],
  ['serve --cluster a:1 --upstream b:1', /^tidegate: --upstream does not go with --cluster$/],
  [
    'serve --config a --cluster b:1',
    /^tidegate: --cluster does not go with --config: the file says it$/,
  ],
  ['serve --sentinel a:1', /^tidegate: --sentinel: found "a:1", allowed name@host:port/],
  ['serve --sentinel m@a:1 --cluster b:1', /^tidegate: --cluster does not go with --sentinel$/],
  ['serve --upstream a:1 --http a:1', /^tidegate: --http is not available in this version$/],
  [
    'serve --config a --listen b:1',
    /^tidegate: --listen does not go with --config: the file says it$/,
  ],
  ['serve --config', /^tidegate: option '-c, --config <file>' argument missing$/],
  ['serve --config /not/there', /^\/not\/there: cannot be read: no such file$/],
  ['serve --upstream a', /^tidegate: --upstream: found "a", allowed host:port/],
  [
    'serve --upstream a:1 --workers 0',
    /^tidegate: --workers: found 0 \(a number\), allowed a whole/,
  ],
  ['serve here', /^tidegate: too many arguments for 'serve'/],
  ['check', /^tidegate: missing required argument 'file'$/],
  ['import', /^tidegate: missing required argument 'file'$/],
  ['sreve', /^tidegate: unknown command 'sreve'/],
  ['--bogus', /^tidegate: unknown option '--bogus'$/],
];

for (const [args, text] of MISUSES) {
  test(`"tidegate ${args}" ends with 2 and one clear line`, async () => {
    const { code, stdout, stderr } = await runTidegate(args.split(' '));
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(Buffer.from(stderr, 'latin1').toString().trimEnd(), new RegExp(text, 'v'));
    assert.equal(stderr.split('\n').length, 2, stderr);
  });
}

test('check of a right file ends with 0', async () => {
  const { code, stdout, stderr } = await runTidegate(['check', FIXTURE]);
  assert.deepEqual([code, stdout, stderr], [0, `${FIXTURE}: ok\n`, '']);
});

test('check and serve tell the same faults, one per line, and end with 2', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tidegate-check-'));
  try {
    const text = `${readFileSync(FIXTURE, 'utf8')}bogus: 1\nwrkers: 2\n`;
    writeFileSync(path.join(folder, 'f.yaml'), text);
    const checked = await runTidegate(['check', 'f.yaml'], { cwd: folder });
    const served = await runTidegate(['serve', '--config', 'f.yaml'], { cwd: folder });
    assert.deepEqual([checked.code, checked.stderr], [2, '']);
    assert.deepEqual([served.code, served.stdout], [2, '']);
    assert.match(
      checked.stdout,
      /^f\.yaml:13:1 bogus: unknown key.*\nf\.yaml:14:1 wrkers: unknown key.*\n$/,
    );
    assert.equal(served.stderr, checked.stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('version and help are answers, not mistakes', async () => {
  const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const answers = await Promise.all(
    [['--version'], ['--help'], ['serve', '--help'], ['check', '--help']].map((args) =>
      runTidegate(args),
    ),
  );
  assert.deepEqual(
    answers.map(({ code, stderr }) => [code, stderr]),
    answers.map(() => [0, '']),
  );
  assert.equal(answers[0]?.stdout, `${version}\n`);
  for (const { stdout } of answers.slice(1)) assert.match(stdout, /^Usage: tidegate/);
});

test('tidegate alone shows its help on standard error and ends with 2', async () => {
  const { code, stdout, stderr } = await runTidegate([]);
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /^Usage: tidegate/);
});
