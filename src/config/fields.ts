/**
 * The leaves of the schema: each says in one place what it means, what is allowed, how it is read and how
 * an editor should see it. A leaf reports a wrong value as `found …, allowed …`, so every reason reads alike.
 */
import * as z from 'zod';
import type { ParsedServer } from './address.ts';
import { parseAddress, parseServer } from './address.ts';
import type { Address } from './config.ts';
import { nearest } from './nearest.ts';
import {
  DURATION_PATTERN,
  formatSize,
  parseDuration,
  parseRate,
  parseSize,
  RATE_PATTERN,
  SIZE_PATTERN,
} from './quantity.ts';
import type { Resources } from './resources.ts';
import { oneOf, wrong } from './words.ts';

/** What a leaf shows to editors (JSON Schema) and to docs/config.md (`allowed`). */
export type LeafMeta = Readonly<Record<string, unknown>> & { readonly allowed: string };

/** Thrown by a reader that can say more than "not allowed". */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

const SIZE = 'a size such as 512b, 64kb, 8mb or 1gb';
const DURATION = 'a duration such as 250ms, 5s, 2m or 1h';
const RATE = 'a rate such as 100/s or 600/m';
const LISTEN = 'host:port, "[v6]:port" or unix:/path';
const SERVER = 'host:port, "[v6]:port" or unix:/path, with =weight behind it where wanted';

/** `read` returns null for a value that is not allowed. */
export function leaf<T>(
  description: string,
  meta: LeafMeta,
  read: (value: unknown) => T | null,
): z.ZodType<T> {
  return z
    .unknown()
    .transform((value, context): T => {
      const refuse = (message: string): T => {
        context.addIssue({ code: 'custom', message });
        return z.NEVER;
      };
      if (value === undefined) return refuse(`is missing, allowed ${meta.allowed}`);
      try {
        const result = read(value);
        return result === null ? refuse(wrong(value, meta.allowed)) : result;
      } catch (error) {
        if (error instanceof Refusal) return refuse(error.message);
        throw error;
      }
    })
    .meta({ description, ...meta });
}

export function flag(description: string): z.ZodType<boolean> {
  const meta = { type: 'boolean', allowed: 'true or false' };
  return leaf(description, meta, (value) => (typeof value === 'boolean' ? value : null));
}

export function integer(description: string, min: number, max: number): z.ZodType<number> {
  const allowed = `a whole number from ${min} to ${max}`;
  const meta = { type: 'integer', minimum: min, maximum: max, allowed };
  return leaf(description, meta, (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? value
      : null,
  );
}

export function percentage(description: string): z.ZodType<number> {
  const meta = { type: 'number', minimum: 0, maximum: 100, allowed: 'a number from 0 to 100' };
  return leaf(description, meta, (value) =>
    typeof value === 'number' && value >= 0 && value <= 100 ? value : null,
  );
}

export function choice<const T extends string>(
  description: string,
  values: readonly T[],
): z.ZodType<T> {
  const allowed = oneOf(values);
  return leaf(description, { enum: values, allowed }, (value) => {
    const found = values.find((each) => each === value);
    if (found !== undefined) return found;
    const meant = typeof value === 'string' ? nearest(value, values) : null;
    if (meant === null) return null;
    throw new Refusal(`${wrong(value, allowed)}; did you mean "${meant}"?`);
  });
}

/** `pattern` is also given to editors. */
export function text(description: string, allowed: string, pattern?: string): z.ZodType<string> {
  const expression = pattern === undefined ? null : new RegExp(pattern, 'u');
  const meta = pattern === undefined ? { type: 'string' } : { type: 'string', pattern };
  return leaf(description, { ...meta, allowed }, (value) => {
    if (typeof value === 'string') return expression?.test(value) === false ? null : value;
    if (typeof value !== 'number' && typeof value !== 'boolean') return null;
    throw new Refusal(`${wrong(value, allowed)}; put it in quotes to make it text`);
  });
}

/** Milliseconds. */
export function duration(description: string, min: 'zero' | 'positive'): z.ZodType<number> {
  const allowed = min === 'zero' ? `${DURATION}, or 0s` : `${DURATION}, more than 0`;
  const meta = { type: 'string', pattern: DURATION_PATTERN, allowed };
  return leaf(description, meta, (value) => {
    const ms = parseDuration(value);
    return ms === null || (ms === 0 && min === 'positive') ? null : ms;
  });
}

/** Bytes. */
export function size(description: string, min: number, max: number): z.ZodType<number> {
  const allowed = `${SIZE}, from ${formatSize(min)} to ${formatSize(max)}`;
  const meta = { type: ['string', 'integer'], pattern: SIZE_PATTERN, allowed };
  return leaf(description, meta, (value) => {
    const bytes = parseSize(value);
    return bytes === null || bytes < min || bytes > max ? null : bytes;
  });
}

/** Events per second. */
export function rate(description: string): z.ZodType<number> {
  return leaf(description, { type: 'string', pattern: RATE_PATTERN, allowed: RATE }, (value) =>
    parseRate(value),
  );
}

export function listenAddress(description: string, resources: Resources): z.ZodType<Address> {
  return leaf(description, { type: 'string', allowed: LISTEN }, (value) =>
    typeof value === 'string' ? parseAddress(value, resources.folder, 0) : null,
  );
}

export function serverAddress(description: string, resources: Resources): z.ZodType<Address> {
  return leaf(description, { type: 'string', allowed: LISTEN }, (value) =>
    typeof value === 'string' ? parseAddress(value, resources.folder, 1) : null,
  );
}

export function weightedServer(description: string, resources: Resources): z.ZodType<ParsedServer> {
  return leaf(description, { type: 'string', allowed: SERVER }, (value) => {
    if (typeof value !== 'string') return null;
    const server = parseServer(value, resources.folder);
    if (server === null && /=(0+|-.*)$/.test(value)) {
      throw new Refusal(`${wrong(value, SERVER)}; a weight is a whole number above 0`);
    }
    return server;
  });
}
