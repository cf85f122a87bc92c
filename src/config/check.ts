/** Judges a plain value against the schema and against itself; files and options both come through here. */
import * as z from 'zod';
import { crossFindings } from './checks.ts';
import type { Config } from './config.ts';
import type { Finding, Shape } from './faults.ts';
import { findingsOf } from './faults.ts';
import type { Resources } from './resources.ts';
import { configSchema } from './schema.ts';

export type Checked =
  | { readonly config: Config; readonly findings: null }
  | { readonly config: null; readonly findings: readonly Finding[] };

export function checkValue(raw: unknown, resources: Resources): Checked {
  const schema = configSchema(resources);
  const result = schema.safeParse(raw);
  const across = crossFindings(raw, resources.folder);
  if (result.success && across.length === 0) return { config: result.data, findings: null };
  const own = result.success ? [] : findingsOf(result.error.issues, raw, inputShape(schema));
  return { config: null, findings: [...own, ...across] };
}

/** The schema as editors see it (draft 7, which all of them know). */
export function inputShape(schema: z.ZodType<Config>): Shape {
  // JSON Schema is wider than what is read of it here; zod types it by the widest draft.
  return z.toJSONSchema(schema, { io: 'input', target: 'draft-7' }) as Shape;
}
