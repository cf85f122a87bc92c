/** The part of the schema below `upstreams.<name>` that the embedded engine has. */
import { resolve } from 'node:path';
import type * as z from 'zod';
import {
  type AppendSync,
  type EmbeddedConfig,
  EVICTION_POLICIES,
  type EvictionPolicy,
} from './config.ts';
import { choice, integer, leaf, size, text } from './fields.ts';
import type { Resources } from './resources.ts';

const DATABASES_MAX = 65_536;
const TB = 1024 ** 4;
/** Letters of classes, and `A` for all of them. */
const EVENTS = /^[Ag$lshzxeKEtmdn]*$/;

interface EmbeddedFields {
  readonly dir: z.ZodOptional<z.ZodType<string>>;
  readonly appendonly: z.ZodType<AppendSync>;
  readonly max_memory: z.ZodType<number>;
  readonly eviction: z.ZodType<EvictionPolicy>;
  readonly databases: z.ZodType<number>;
  readonly notify_keyspace_events: z.ZodType<string>;
}

export function embeddedFields(): EmbeddedFields {
  return {
    dir: text(
      'Embedded: folder that keeps the data; in memory only when absent.',
      'a path',
      '.',
    ).optional(),
    appendonly: choice(
      'Embedded, with `dir`: when what is written is given to the disk. `always`: before it is answered; `everysec`: once a second; `no`: when the system likes.',
      ['always', 'everysec', 'no'],
    ).prefault('everysec'),
    max_memory: size('Embedded: memory of keys and values, at most; 0: unlimited.', 0, TB).prefault(
      0,
    ),
    eviction: choice(
      'Embedded: which keys go when `max_memory` is used up.',
      EVICTION_POLICIES,
    ).prefault('noeviction'),
    databases: integer('Embedded: databases, for `SELECT`.', 1, DATABASES_MAX).prefault(16),
    notify_keyspace_events: events().prefault(''),
  };
}

function events(): z.ZodType<string> {
  const allowed = 'letters of Ag$lshzxeKEtmdn, or nothing';
  const meta = { type: 'string', pattern: EVENTS.source, allowed };
  const description =
    'Embedded: keyspace notifications that are published, in the letters of Redis; empty: none.';
  return leaf(description, meta, (value) =>
    typeof value === 'string' && EVENTS.test(value) ? value : null,
  );
}

/** What was read of them. */
export function embeddedOf(
  value: {
    readonly dir?: string | undefined;
    readonly appendonly: AppendSync;
    readonly max_memory: number;
    readonly eviction: EvictionPolicy;
    readonly databases: number;
    readonly notify_keyspace_events: string;
  },
  resources: Resources,
): EmbeddedConfig {
  return {
    dir: value.dir === undefined ? null : resolve(resources.folder, value.dir),
    appendSync: value.appendonly,
    maxMemoryBytes: value.max_memory,
    eviction: value.eviction,
    databases: value.databases,
    notifyKeyspaceEvents: value.notify_keyspace_events,
  };
}
