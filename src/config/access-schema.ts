/** The part of the schema below a listener that says who may come in and what is done to commands on purpose. */
import * as z from 'zod';
import type { ExternalAuthConfig, FaultConfig } from './config.ts';
import { choice, duration, flag, leaf, percentage, serverAddress, text } from './fields.ts';
import type { Resources } from './resources.ts';
import { clientTlsSchema } from './upstream-schema.ts';

const CONCURRENCY_MAX = 1_000_000;

export function concurrencySchema(): z.ZodType<number | 'unlimited'> {
  const meta = {
    anyOf: [{ type: 'integer', minimum: 1, maximum: CONCURRENCY_MAX }, { const: 'unlimited' }],
    allowed: `a whole number from 1 to ${CONCURRENCY_MAX}, or unlimited`,
  };
  const description =
    'Commands under way at one time, over all clients; others wait in their order. With 1, one after the other.';
  return leaf(description, meta, (value) => {
    if (value === 'unlimited') return value;
    if (typeof value !== 'number' || !Number.isInteger(value)) return null;
    return value >= 1 && value <= CONCURRENCY_MAX ? value : null;
  });
}

export function externalAuthSchema(resources: Resources): z.ZodType<ExternalAuthConfig> {
  return z
    .strictObject({
      grpc: serverAddress('Where the service listens.', resources),
      timeout: duration('How long its answer may take.', 'positive').prefault('200ms'),
      expiration: flag('A login ends when the service says so.').prefault(false),
      tls: clientTlsSchema(resources).optional(),
    })
    .transform(
      (value): ExternalAuthConfig => ({
        address: value.grpc,
        timeoutMs: value.timeout,
        expires: value.expiration,
        tls: value.tls ?? null,
      }),
    )
    .describe(
      "Present: passwords are judged by this service, in the protocol of Envoy's `RedisProxyExternalAuth`.",
    );
}

export function faultSchema(): z.ZodType<FaultConfig> {
  return z
    .strictObject({
      kind: choice('`delay` answers late, `error` answers `-Fault Injected: Error`.', [
        'delay',
        'error',
      ]),
      percent: percentage('Part of the commands; those of several faults add up.'),
      delay: duration('How late; with `error`, too.', 'zero').prefault('0s'),
      commands: z
        .array(text('A command.', 'the name of a command such as get or config|set', '^[^\\s]+$'))
        .describe('Commands concerned; all when empty.')
        .prefault([]),
    })
    .transform(
      (value): FaultConfig => ({
        kind: value.kind,
        percent: value.percent,
        delayMs: value.delay,
        commands: value.commands.map((name) => name.toLowerCase()),
      }),
    );
}
