import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nowhere } from '../backend/backend.ts';
import { specByName } from '../commands/lookup.ts';
import { type LinkErrorCode, linkError } from '../resp/errors.ts';
import type { Orphan } from '../upstream/orphan.ts';
import {
  decide,
  type Hint,
  mayHint,
  mayHintAlone,
  pauseMs,
  type Refused,
  readHint,
} from './redirect.ts';

function orphan(name: string, more: Partial<Orphan> = {}): Orphan {
  const bytes = Buffer.alloc(0);
  const spec = specByName(name)!;
  return {
    sink: nowhere,
    spec,
    bytes,
    affinity: 0,
    attempt: 0,
    unsent: false,
    answered: false,
    overtaken: false,
    sentAt: 0,
    ...more,
  };
}

const ONCE = { reads: 1, backoffMs: 0 };
const CLOSED = linkError('closed', 'x');

test('a read whose connection was lost goes out once more', () => {
  assert.equal(decide(orphan('get'), CLOSED, ONCE), 'retry');
  assert.equal(decide(orphan('get', { attempt: 1 }), CLOSED, ONCE), 'fail');
  assert.equal(decide(orphan('get', { attempt: 1 }), CLOSED, { ...ONCE, reads: 2 }), 'retry');
  assert.equal(decide(orphan('get'), CLOSED, { ...ONCE, reads: 0 }), 'fail');
});

test('a write is never sent twice, nor what may write', () => {
  for (const name of ['set', 'incr', 'eval', 'fcall', 'getdel', 'publish']) {
    assert.equal(decide(orphan(name), CLOSED, ONCE), 'fail', name);
    assert.equal(decide(orphan(name, { unsent: true }), CLOSED, ONCE), 'fail', name);
  }
});

test('a read that was answered in part is not asked again', () => {
  assert.equal(decide(orphan('get', { answered: true }), CLOSED, ONCE), 'fail');
});

test('a read behind which its client wrote is not asked again: it would see what came later', () => {
  assert.equal(decide(orphan('get', { overtaken: true }), CLOSED, ONCE), 'fail');
});

test('only a lost connection is mended', () => {
  const codes: LinkErrorCode[] = ['timeout', 'protocol', 'busy', 'no_host', 'connect', 'handshake'];
  for (const code of codes)
    assert.equal(decide(orphan('get'), linkError(code, 'x'), ONCE), 'fail', code);
});

const POLICY = { redirectsMax: 5, opTimeoutMs: 1000 };

function hintOf(text: string, name = 'set'): Hint | null {
  return readHint(text, specByName(name)!);
}

function refused(text: string, more: Partial<Refused> = {}): Refused {
  return { hint: hintOf(text)!, redirects: 0, ageMs: 0, isCircle: false, ...more };
}

test('errors of a cluster say where to ask, or when', () => {
  const moved = 'MOVED 1 a:1';
  assert.equal(decide(null, refused(moved), POLICY), 'follow');
  assert.equal(decide(null, refused(moved, { isCircle: true }), POLICY), 'wait');
  assert.equal(decide(null, refused('ASK 1 a:1'), POLICY), 'ask');
  assert.equal(decide(null, refused('ASK 1 a:1', { isCircle: true }), POLICY), 'ask');
  for (const word of ['TRYAGAIN', 'CLUSTERDOWN', 'LOADING', 'MASTERDOWN', 'READONLY']) {
    assert.equal(decide(null, refused(`${word} x`), POLICY), 'wait', word);
  }
});

test('they are followed so often, and so long', () => {
  for (const text of ['MOVED 1 a:1', 'ASK 1 a:1', 'TRYAGAIN x']) {
    assert.equal(decide(null, refused(text, { redirects: 5 }), POLICY), 'fail', text);
    assert.equal(decide(null, refused(text, { ageMs: 1000 }), POLICY), 'fail', text);
  }
  assert.equal(
    decide(null, refused('TRYAGAIN x', { ageMs: 995 }), POLICY),
    'fail',
    'no time to pause',
  );
  const endless = { ...POLICY, opTimeoutMs: 0 };
  assert.equal(decide(null, refused('TRYAGAIN x', { ageMs: 1e6 }), endless), 'wait');
});

test('pauses grow, to a limit', () => {
  assert.deepEqual([0, 1, 2, 3, 4].map(pauseMs), [10, 30, 90, 270, 270]);
});

test('a redirection names slot, host and port, or is none', () => {
  const at = (host: string) => ({ kind: 'moved', slot: 3999, host, port: 6381 });
  assert.deepEqual(hintOf('MOVED 3999 127.0.0.1:6381'), at('127.0.0.1'));
  assert.deepEqual(hintOf('MOVED 3999 a.example:6381'), at('a.example'));
  assert.deepEqual(hintOf('MOVED 3999 ::1:6381'), at('::1'));
  assert.deepEqual(hintOf('MOVED 3999 [::1]:6381'), at('::1'));
  assert.deepEqual(hintOf('MOVED 3999 :6381'), at(''));
  assert.deepEqual(hintOf('MOVED 3999 ?:6381'), at(''));
  for (const text of [
    'MOVED 16384 a:1',
    'MOVED 1 a:0',
    'MOVED 1 a:65536',
    'MOVED 1 a',
    'MOVED 1 a:1 b',
    'MOVED  1 a:1',
    'MOVED',
    'ASK -1 a:1',
    'moved 1 a:1',
    'ERR MOVED 1 a:1',
    'toString x',
  ]) {
    assert.equal(hintOf(text), null, text);
  }
});

test('a script is believed only in the words of a server', () => {
  const sentence = 'TRYAGAIN Multiple keys request during rehashing of slot';
  assert.equal(hintOf('TRYAGAIN later', 'eval'), null);
  assert.equal(hintOf(sentence, 'eval')?.kind, 'tryagain');
  assert.equal(hintOf('LOADING Valkey is loading the dataset in memory', 'fcall')?.kind, 'loading');
  assert.equal(hintOf('TRYAGAIN later', 'set')?.kind, 'tryagain');
  const readonly = "READONLY You can't write against a read only replica.";
  assert.equal(hintOf(readonly, 'fcall')?.kind, 'readonly');
  const inScript = `${readonly} script: 6f5ade10, on @user_script:1.`;
  assert.equal(hintOf(inScript, 'eval')?.kind, 'readonly');
  assert.equal(hintOf(`${readonly} Or not.`, 'eval'), null);
});

test('of a server that is no node of a cluster only what it may say itself is a hint', () => {
  const may = (text: string): boolean => {
    const bytes = Buffer.from(`-${text}\r\n`);
    return mayHintAlone(bytes, 0, bytes.length);
  };
  for (const text of ['READONLY x', 'LOADING x', 'MASTERDOWN x']) assert.ok(may(text), text);
  for (const text of ['MOVED 1 a:1', 'ASK 1 a:1', 'CLUSTERDOWN x', 'TRYAGAIN x', 'ERR x'])
    assert.ok(!may(text), text);
});

test('only what may be a hint is looked at closely', () => {
  const may = (text: string): boolean => {
    const bytes = Buffer.from(`-${text}\r\n`);
    return mayHint(bytes, 0, bytes.length);
  };
  for (const text of ['MOVED 1 a:1', 'ASK 1 a:1', 'CLUSTERDOWN x', 'READONLY x'])
    assert.ok(may(text));
  for (const text of ['ERR x', 'MISCONF x', 'ASKED 1', 'LOADING', 'M']) assert.ok(!may(text), text);
});
