/** The part of the schema below a listener that says who may come in and what is done to commands on purpose. */
import * as z from 'zod';
import type { ExternalAuthConfig } from './config.ts';
import { duration, flag, serverAddress } from './fields.ts';
import type { Resources } from './resources.ts';
import { clientTlsSchema } from './upstream-schema.ts';

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
