import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tourLanguages } from './languages.ts';

it('serves redis-py and go-redis in RESP2 and RESP3', async () => {
  assert.ok(await tourLanguages(), 'the output above names what failed');
});
