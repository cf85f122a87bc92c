import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nowhere } from '../backend/backend.ts';
import { specByName } from '../commands/lookup.ts';
import { type LinkErrorCode, linkError } from '../resp/errors.ts';
import type { Orphan } from '../upstream/link.ts';
import { decide } from './redirect.ts';

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
