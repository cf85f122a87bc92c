/** What CONFIG GET shows and CONFIG SET takes, and which of it the engine heeds. */
import { globMatches } from '../core/glob.ts';
import { PARAMETERS, type ParameterKind } from './config-table.ts';
import { notifyFlagsOf, notifyText, WRONG_CLASS } from './notifications.ts';
import type { Settings } from './settings.ts';

interface Parameter {
  readonly name: string;
  readonly kind: ParameterKind;
  readonly range: readonly string[];
  value: string;
}

/** Parameters that the engine heeds, by name; the rest is kept and shown. */
const HEEDED: Readonly<Record<string, keyof Settings>> = {
  'hash-max-listpack-entries': 'hashMaxListpackEntries',
  'hash-max-listpack-value': 'hashMaxListpackValue',
  'list-max-listpack-size': 'listMaxListpackSize',
  'set-max-intset-entries': 'setMaxIntsetEntries',
  'zset-max-listpack-entries': 'zsetMaxListpackEntries',
  'zset-max-listpack-value': 'zsetMaxListpackValue',
  'stream-node-max-bytes': 'streamNodeMaxBytes',
  'stream-node-max-entries': 'streamNodeMaxEntries',
  'hll-sparse-max-bytes': 'hllSparseMaxBytes',
  'proto-max-bulk-len': 'protoMaxBulkLength',
};

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1000 ** 2,
  mb: 1024 ** 2,
  g: 1000 ** 3,
  gb: 1024 ** 3,
};

/** Told when a parameter has a new value; a text: why it cannot have that. */
export type ConfigListener = (value: string) => string | null;

export class EngineConfig {
  readonly #parameters: ReadonlyMap<string, Parameter>;
  readonly #settings: Settings;
  readonly #listeners: Map<string, ConfigListener> = new Map();

  constructor(settings: Settings) {
    this.#settings = settings;
    const parameters = new Map<string, Parameter>();
    for (const [name, kind, value, range = ''] of PARAMETERS) {
      parameters.set(name, { name, kind, value, range: range.split('|') });
    }
    this.#parameters = parameters;
    for (const [name, setting] of Object.entries(HEEDED)) {
      this.#parameters.get(name)!.value = String(settings[setting]);
    }
  }

  /** Calls `listener` with each new value of a parameter. */
  on(name: string, listener: ConfigListener): void {
    this.#listeners.set(name, listener);
  }

  /** What it is, whatever it may be changed by. */
  show(name: string, value: string): void {
    this.#parameters.get(name)!.value = value;
  }

  get(name: string): string {
    const { kind, value } = this.#parameters.get(this.#resolve(name)!)!;
    // Not when it is set: the form that is shown leaves out what `A` stands beside.
    return kind === 'events' ? notifyText(notifyFlagsOf(value) ?? 0) : value;
  }

  /** Names and values that match one of the patterns; a name that is no pattern may be in any case. */
  matching(patterns: readonly string[]): [string, string][] {
    const found = new Map<string, string>();
    for (const pattern of patterns) {
      const bytes = Buffer.from(pattern.toLowerCase(), 'latin1');
      for (const name of this.#parameters.keys()) {
        const text = Buffer.from(name, 'latin1');
        if (globMatches(bytes, text, 0, text.length)) found.set(name, this.get(name));
      }
    }
    return [...found];
  }

  /** All or nothing; null: done, else the error. */
  set(pairs: readonly (readonly [string, string])[]): string | null {
    const wanted = new Map<Parameter, string>();
    for (const [given, value] of pairs) {
      const name = this.#resolve(given.toLowerCase());
      const parameter = name === null ? undefined : this.#parameters.get(name);
      if (parameter === undefined) {
        return `ERR Unknown option or number of arguments for CONFIG SET - '${given}'`;
      }
      if (wanted.has(parameter)) return failed(given, 'duplicate parameter');
      const fault = faultOf(parameter, value);
      if (fault !== null) return failed(given, fault);
      wanted.set(parameter, normal(parameter, value));
    }
    return this.#apply(wanted);
  }

  #apply(wanted: ReadonlyMap<Parameter, string>): string | null {
    const before = new Map<Parameter, string>();
    for (const [parameter, value] of wanted) {
      before.set(parameter, parameter.value);
      const fault = this.#listeners.get(parameter.name)?.(value) ?? null;
      if (fault !== null) {
        for (const [other, old] of before) this.#listeners.get(other.name)?.(old);
        return failed(parameter.name, fault);
      }
    }
    for (const [parameter, value] of wanted) {
      parameter.value = value;
      const setting = HEEDED[parameter.name];
      if (setting !== undefined) this.#settings[setting] = Number(value);
    }
    return null;
  }

  #resolve(name: string): string | null {
    const parameter = this.#parameters.get(name);
    if (parameter === undefined) return null;
    return parameter.kind === 'alias' ? parameter.range[0]! : name;
  }
}

function failed(name: string, reason: string): string {
  return `ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}`;
}

/** Why a value is none for a parameter; null: it is one. */
function faultOf({ kind, range }: Parameter, value: string): string | null {
  switch (kind) {
    case 'immutable':
    case 'protected':
      return `can't set ${kind} config`;
    case 'bool':
      return /^(yes|no)$/i.test(value) ? null : "argument must be 'yes' or 'no'";
    case 'enum':
      return range.includes(value.toLowerCase())
        ? null
        : `argument(s) must be one of the following: ${range.join(', ')}`;
    case 'memory':
      return bytesOf(value) === null ? 'argument must be a memory value' : null;
    case 'integer': {
      if (!/^-?\d{1,19}$/.test(value)) return "argument couldn't be parsed into an integer";
      const [low = '', high = ''] = range;
      const isInside = BigInt(value) >= BigInt(low) && BigInt(value) <= BigInt(high);
      return isInside ? null : `argument must be between ${low} and ${high} inclusive`;
    }
    case 'events':
      return notifyFlagsOf(value) === null ? WRONG_CLASS : null;
    case 'text':
    case 'alias':
      return null;
    default:
      return kind satisfies never;
  }
}

function normal({ kind }: Parameter, value: string): string {
  if (kind === 'memory') return String(bytesOf(value));
  return kind === 'bool' || kind === 'enum' ? value.toLowerCase() : value;
}

function bytesOf(text: string): number | null {
  const match = /^(\d{1,15})([a-z]*)$/i.exec(text);
  const unit = UNITS[match?.[2]?.toLowerCase() ?? '-'];
  return match === null || unit === undefined ? null : Number(match[1]) * unit;
}
