import assert from 'node:assert/strict';
import { it } from 'node:test';
import { compareReplies, report } from './envoy-differential.ts';

it('answers two thousand requests as Envoy does, or differs for a reason that is written down', async () => {
  const { outcomes, version } = await compareReplies();
  assert.ok(outcomes.length >= 2000);
  const { text, open } = report(outcomes, version);
  assert.equal(open, 0, text.slice(text.indexOf('## Without a reason')));
});
