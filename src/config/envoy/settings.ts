/** `settings` of a redis_proxy: in Envoy they belong to the listener, here to each upstream behind it. */
import type { Message } from './message.ts';
import { durationText, type Section } from './values.ts';

export interface Settings {
  readonly opTimeout: string;
  readonly hashTags: boolean;
  readonly followsRedirects: boolean;
  /** As here; null: Envoy's MASTER. */
  readonly readPolicy: string | null;
  readonly connectionRate: string | undefined;
  readonly flush: Section | undefined;
}

const READ_POLICIES: Readonly<Record<string, string>> = {
  MASTER: 'primary',
  PREFER_MASTER: 'prefer_primary',
  REPLICA: 'replica',
  PREFER_REPLICA: 'prefer_replica',
  ANY: 'any',
  LOCAL_ZONE_AFFINITY: 'nearest',
  LOCAL_ZONE_AFFINITY_REPLICAS_AND_PRIMARY: 'nearest',
};

/** Envoy demands op_timeout; a file without it gets our default, said aloud. */
const OP_TIMEOUT_MS = 1000;
const FLUSH_TIMEOUT_MS = 3;

export function readSettings(proxy: Message): Settings {
  const settings = proxy.message('settings');
  const opTimeoutMs = settings?.milliseconds('op_timeout') ?? 0;
  if (opTimeoutMs <= 0) proxy.note('settings.op_timeout is missing: 1s is written');
  settings?.skip('enable_command_stats');
  settings?.tell('dns_cache_config', 'names are resolved by the system when a connection is made');
  settings?.tell(
    'max_upstream_unknown_connections',
    'no setting: servers that a redirection names are bounded anyway',
  );
  settings?.tell('pubsub_settings', 'subscriptions have no settings of this kind: left out');
  return {
    opTimeout: durationText(opTimeoutMs > 0 ? opTimeoutMs : OP_TIMEOUT_MS),
    hashTags: settings?.flag('enable_hashtagging') ?? false,
    followsRedirects: settings?.flag('enable_redirection') ?? false,
    readPolicy: settings === null ? null : readPolicyOf(settings),
    connectionRate: connectionRateOf(settings),
    flush: flushOf(settings),
  };
}

function readPolicyOf(settings: Message): string | null {
  const written = settings.text('read_policy') ?? 'MASTER';
  const policy = READ_POLICIES[written];
  if (policy === undefined) {
    settings.tell('read_policy', `${written} is not known: reads go to the primary`);
    return null;
  }
  if (policy === 'nearest') {
    settings.tell('read_policy', 'zones are not configured here: nearest, by measured latency');
  }
  return policy;
}

function connectionRateOf(settings: Message | null): string | undefined {
  const limit = settings?.message('connection_rate_limit') ?? null;
  const perSecond = limit?.number('connection_rate_limit_per_sec') ?? null;
  return perSecond === null || perSecond <= 0 ? undefined : `${perSecond}/s`;
}

function flushOf(settings: Message | null): Section | undefined {
  const bytes = settings?.number('max_buffer_size_before_flush') ?? 0;
  const timeoutMs = settings?.milliseconds('buffer_flush_timeout') ?? FLUSH_TIMEOUT_MS;
  if (bytes <= 0) return undefined;
  return { max_bytes: `${bytes}b`, timeout: durationText(timeoutMs) };
}
