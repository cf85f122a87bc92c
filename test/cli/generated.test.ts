import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { renderDocs, renderSchema } from '../../scripts/generate-config-docs.ts';
import { loadText } from '../../src/config/load.ts';
import { ROOT } from '../support/tidegate.ts';

const STALE = 'run npm run generate';

test('docs/config.md is what the schema says', () => {
  assert.equal(readFileSync(path.join(ROOT, 'docs/config.md'), 'utf8'), renderDocs(), STALE);
});

test('tidegate.schema.json is what the schema says', () => {
  assert.equal(
    readFileSync(path.join(ROOT, 'tidegate.schema.json'), 'utf8'),
    renderSchema(),
    STALE,
  );
});

test('the example in docs/config.md is a configuration', () => {
  const example = /```yaml\n([\s\S]*?)```/.exec(renderDocs())?.[1] ?? '';
  assert.deepEqual(Object.keys(loadText(example, 'docs/config.md').upstreams), ['users', 'main']);
});
