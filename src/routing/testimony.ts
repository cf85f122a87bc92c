/**
 * What one Sentinel says of a service, read strictly: who is primary, who replicates it, which other Sentinels there
 * are. https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/
 */
import { isError, textOf, type Value } from '../resp/value.ts';
import { fieldsOf, listOf, OddAnswer, odd } from './topology.ts';

export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface ReplicaSeen extends Place {
  /** It is up, in touch with its primary, and calls itself a replica. */
  readonly isUsable: boolean;
}

export interface OtherSentinel extends Place {
  readonly id: string;
}

export interface Testimony {
  /** One text per Sentinel, under whatever address it was asked. */
  readonly id: string;
  /** Null: it does not know the service. */
  readonly primary: Place | null;
  readonly replicas: readonly ReplicaSeen[];
  readonly others: readonly OtherSentinel[];
}

/** Raw answers. */
export interface Told {
  readonly id: Value;
  readonly primary: Value;
  readonly replicas: Value;
  readonly others: Value;
}

/** Replicas, and Sentinels, that one Sentinel may list. */
const LISTED_MAX = 256;
const PORT_MAX = 65_535;
/** A Sentinel says `s_down,slave,disconnected` of a replica that is not to be read from. */
const UNWELL: ReadonlySet<string> = new Set(['s_down', 'o_down', 'disconnected']);

/** `name` stands for the id of those too old to tell one. */
export function readTestimony(told: Told, name: string): Testimony {
  refuseError(told.primary);
  const id = (isError(told.id) ? null : textOf(told.id)) ?? name;
  if (told.primary === null) return { id, primary: null, replicas: [], others: [] };
  const [host, port] = listOf(told.primary, 'the address');
  return {
    id,
    primary: placeOf(host ?? null, port ?? null),
    replicas: each(told.replicas, 'the replicas', readReplica),
    others: each(told.others, 'the Sentinels', (fields) => ({
      ...placeIn(fields),
      // One that has not been spoken to yet has none.
      id: fieldOf(fields, 'runid') || `${fieldOf(fields, 'ip')}:${fieldOf(fields, 'port')}`,
    })),
  };
}

type Fields = ReadonlyMap<string, Value>;

/** An error here tells that the service is gone since the first question, or that it may not be asked. */
function each<Item>(value: Value, what: string, read: (fields: Fields) => Item): Item[] {
  refuseError(value);
  const list = listOf(value, what);
  if (list.length > LISTED_MAX) odd(`${what} are more than ${LISTED_MAX}`);
  return list.map((one) => read(fieldsOf(one, `one of ${what}`)));
}

function readReplica(fields: Fields): ReplicaSeen {
  const isWell = !fieldOf(fields, 'flags')
    .split(',')
    .some((flag) => UNWELL.has(flag));
  return {
    ...placeIn(fields),
    isUsable:
      isWell &&
      fieldOf(fields, 'role-reported') === 'slave' &&
      fieldOf(fields, 'master-link-status') === 'ok',
  };
}

function placeIn(fields: Fields): Place {
  return placeOf(fields.get('ip') ?? null, fields.get('port') ?? null);
}

function placeOf(hostValue: Value, portValue: Value): Place {
  const host = textOf(hostValue) ?? '';
  const port = Number(textOf(portValue) ?? Number.NaN);
  if (!/^[\w.:%-]+$/.test(host)) odd(`${JSON.stringify(host)} is no host`);
  if (!Number.isInteger(port) || port < 1 || port > PORT_MAX) odd('a port is no number');
  return { host, port };
}

function fieldOf(fields: Fields, name: string): string {
  return textOf(fields.get(name) ?? null) ?? '';
}

function refuseError(value: Value): void {
  if (typeof value === 'object' && value !== null && 'error' in value) {
    throw new OddAnswer(value.error);
  }
}
