/** The part of the schema below `upstreams.<name>` that kinds have whose servers are learnt. */
import * as z from 'zod';
import type { FleetConfig, ReadPolicy, TopologyConfig } from './config.ts';
import { choice, duration, integer, text } from './fields.ts';

const COUNT_MAX = 1_000_000;
const REDIRECTS_MAX = 100;
const READ_POLICIES: readonly ReadPolicy[] = [
  'primary',
  'prefer_primary',
  'replica',
  'prefer_replica',
  'any',
  'nearest',
];

interface FleetFields {
  readonly service: z.ZodOptional<z.ZodType<string>>;
  readonly read_policy: z.ZodType<ReadPolicy>;
  readonly zone: z.ZodOptional<z.ZodType<string>>;
  readonly redirects_max: z.ZodType<number>;
  readonly topology: z.ZodType<TopologyConfig>;
}

export function fleetFields(): FleetFields {
  return {
    service: text(
      'Sentinel: what the Sentinels call the primary.',
      'letters, digits and . _ -',
      '^[\\w.-]+$',
    ).optional(),
    read_policy: choice(
      'Cluster, sentinel: who answers commands that only read.',
      READ_POLICIES,
    ).prefault('primary'),
    zone: text(
      'Cluster, sentinel: where the gateway stands; reads prefer nodes that say the same (Valkey).',
      'a name',
      '.',
    ).optional(),
    redirects_max: integer(
      'Cluster, sentinel: how often errors of servers may send a command elsewhere, or back later.',
      0,
      REDIRECTS_MAX,
    ).prefault(5),
    topology: topologySchema(),
  };
}

/** What was read of them. */
export function fleetOf(value: {
  readonly read_policy: ReadPolicy;
  readonly zone?: string | undefined;
  readonly redirects_max: number;
  readonly topology: TopologyConfig;
}): Pick<FleetConfig, 'readPolicy' | 'zone' | 'redirectsMax' | 'topology'> {
  return {
    readPolicy: value.read_policy,
    zone: value.zone ?? '',
    redirectsMax: value.redirects_max,
    topology: value.topology,
  };
}

function topologySchema(): z.ZodType<TopologyConfig> {
  return z
    .strictObject({
      refresh: duration('Time between two surveys.', 'positive').prefault('5s'),
      timeout: duration('How long one node, or Sentinel, may take to answer.', 'positive').prefault(
        '3s',
      ),
      min_interval: duration(
        'Time between two surveys at least; a quarter of a second, if that is less, while a primary is away.',
        'positive',
      ).prefault('1s'),
      after_redirects: integer('`MOVED` errors that lead to a survey.', 1, COUNT_MAX).prefault(1),
      after_failures: integer(
        'Failures of connections or commands that do.',
        1,
        COUNT_MAX,
      ).prefault(5),
    })
    .transform(
      (value): TopologyConfig => ({
        refreshMs: value.refresh,
        timeoutMs: value.timeout,
        minIntervalMs: value.min_interval,
        afterRedirects: value.after_redirects,
        afterFailures: value.after_failures,
      }),
    )
    .describe(
      'Cluster, sentinel: when the nodes are asked which of them has which slots, or the Sentinels who is primary.',
    )
    .prefault({});
}
