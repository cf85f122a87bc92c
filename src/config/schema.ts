/**
 * The one schema of the configuration. From it come the checks and defaults of `load.ts`, the reference
 * docs/config.md and tidegate.schema.json for editors (`npm run generate`); its output types are the
 * interfaces of `config.ts`. Names are those users write; each object turns into its normalised form
 * right where it is described.
 *
 * What needs two places at once (a route and an upstream) is checked in `checks.ts`.
 */
import * as z from 'zod';
import type { AdminConfig, Config, LogConfig } from './config.ts';
import { choice, leaf, listenAddress } from './fields.ts';
import { listenerSchema } from './listener-schema.ts';
import type { Resources } from './resources.ts';
import { secret } from './secret-fields.ts';
import { upstreamSchema } from './upstream-schema.ts';

const WORKERS_MAX = 1024;
const NAME = 'a name of letters, digits and . _ - (at most 128)';

export function configSchema(resources: Resources): z.ZodType<Config> {
  return z
    .strictObject({
      workers: workersSchema().prefault(1),
      log: logSchema(),
      admin: adminSchema(resources).optional(),
      listeners: z
        .record(nameSchema(), listenerSchema(resources))
        .describe('Doors for clients, by name.'),
      upstreams: z
        .record(nameSchema(), upstreamSchema(resources))
        .describe('What stands behind, by name.'),
    })
    .transform(
      (value): Config => ({
        workers: value.workers,
        log: value.log,
        admin: value.admin ?? null,
        listeners: value.listeners,
        upstreams: value.upstreams,
      }),
    );
}

function nameSchema(): z.ZodString {
  return z.string().regex(/^[A-Za-z0-9_.-]{1,128}$/, `allowed ${NAME}`);
}

function workersSchema(): z.ZodType<number | 'auto'> {
  const meta = {
    anyOf: [{ type: 'integer', minimum: 1, maximum: WORKERS_MAX }, { const: 'auto' }],
    allowed: `a whole number from 1 to ${WORKERS_MAX}, or auto`,
  };
  return leaf('Event loops behind one port; `auto`: one per core.', meta, (value) => {
    if (value === 'auto') return value;
    if (typeof value !== 'number' || !Number.isInteger(value)) return null;
    return value >= 1 && value <= WORKERS_MAX ? value : null;
  });
}

function logSchema(): z.ZodType<LogConfig> {
  return z
    .strictObject({
      level: choice('The least that is written.', ['debug', 'info', 'warn', 'error']).prefault(
        'info',
      ),
      format: choice('One JSON object per line, or lines for people.', ['json', 'pretty']).prefault(
        'json',
      ),
    })
    .transform((value): LogConfig => ({ level: value.level, format: value.format }))
    .describe('What is written to standard error.')
    .prefault({});
}

function adminSchema(resources: Resources): z.ZodType<AdminConfig> {
  return z
    .strictObject({
      listen: listenAddress(
        'Where `/healthz`, `/metrics` and the rest answer.',
        resources,
      ).prefault('127.0.0.1:9901'),
      token: secret('Bearer token to show; required beyond loopback.', resources).optional(),
    })
    .transform((value): AdminConfig => ({ listen: value.listen, token: value.token ?? null }))
    .describe('The admin port; none when absent.');
}
