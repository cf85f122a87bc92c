/**
 * Which arguments of a command are keys.
 *
 * Key specifications say so for nearly every command (https://redis.io/docs/latest/develop/reference/key-specs/).
 * Where they cannot, Redis asks code, and so do we: the cases at the end of this file. Positions are those
 * the server itself would find, because what we send to the server of one key must not touch another's.
 */
import type { Command } from './command.ts';
import { type CommandSpec, Flag, type KeySpec } from './spec.ts';

/** Bits of `KeyPositions.flags`, in the order in which `COMMAND GETKEYSANDFLAGS` names them. */
export const KeyFlag = {
  RO: 0x1,
  RW: 0x2,
  OW: 0x4,
  RM: 0x8,
  access: 0x10,
  update: 0x20,
  insert: 0x40,
  delete: 0x80,
  not_key: 0x100,
  incomplete: 0x200,
  variable_flags: 0x400,
} as const;

/** Where the keys of one command stand; made once and filled again and again. */
export class KeyPositions {
  /** Argument indexes; only the first `count` count. */
  indexes: Int32Array = new Int32Array(16);
  /** Bits of `KeyFlag` of each. */
  flags: Int32Array = new Int32Array(16);
  count = 0;
  /**
   * The command has keys, but they cannot be told: numkeys is no number or too large, options are missing.
   * The server answers such a command with an error, whichever server it is.
   */
  invalid: boolean = false;

  clear(): void {
    this.count = 0;
    this.invalid = false;
  }

  add(index: number, flags: number): void {
    if (this.count === this.indexes.length) this.#grow();
    this.indexes[this.count] = index;
    this.flags[this.count] = flags;
    this.count++;
  }

  #grow(): void {
    const indexes = new Int32Array(this.count * 2);
    const flags = new Int32Array(this.count * 2);
    indexes.set(this.indexes);
    flags.set(this.flags);
    this.indexes = indexes;
    this.flags = flags;
  }
}

/** A key specification with its words as bits and bytes. */
interface Plan {
  readonly flags: number;
  /** Argument where the search begins; -1: behind `keyword`. */
  readonly index: number;
  readonly keyword: Uint8Array | null;
  readonly startFrom: number;
  /** Argument that holds the number of keys, counted from the begin; -1: a range. */
  readonly keyNumIndex: number;
  readonly firstKey: number;
  readonly lastKey: number;
  readonly step: number;
  readonly limit: number;
  /** Nothing more can be told from it. */
  readonly unknown: boolean;
}

interface Plans {
  readonly specs: readonly Plan[];
  /** The flags of a key depend on other arguments. */
  readonly variable: boolean;
  readonly fallback: Fallback | null;
  readonly hasKeys: boolean;
  /** EVAL and FCALL may have none; a wrong numkeys is then indeed none, the server will refuse it. */
  readonly optional: boolean;
}

type Fallback = (command: Command, out: KeyPositions) => void;

/** By id of the command; made when first asked for. */
const plansById: (Plans | undefined)[] = [];

/** Fills `out` with every key of `command`, whose `spec` is set; channels (`not_key`) are left out. */
export function keysOf(command: Command, out: KeyPositions): KeyPositions {
  out.clear();
  const plans = plansOf(command.spec);
  if (!plans.hasKeys) return out;
  if (plans.variable || !followSpecs(plans.specs, command, out)) {
    out.count = 0;
    if (plans.fallback !== null) plans.fallback(command, out);
  }
  out.invalid = out.count === 0 && !plans.optional;
  return out;
}

/** Channels of SPUBLISH, SSUBSCRIBE and the like: no keys, but in a cluster they have a slot. */
export function channelsOf(command: Command, out: KeyPositions): KeyPositions {
  out.clear();
  for (const plan of plansOf(command.spec).specs) {
    if ((plan.flags & KeyFlag.not_key) !== 0 && !followSpec(plan, command, out)) out.invalid = true;
  }
  return out;
}

/** Can the command have keys at all? */
export function hasKeys(spec: CommandSpec): boolean {
  return plansOf(spec).hasKeys;
}

/** Names of the bits, for `COMMAND GETKEYSANDFLAGS`. */
export function keyFlagNames(flags: number): string[] {
  return Object.entries(KeyFlag)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name);
}

function plansOf(spec: CommandSpec): Plans {
  const known = plansById[spec.id];
  if (known !== undefined) return known;
  const specs = spec.keySpecs.map(planOf);
  const plans: Plans = {
    specs,
    variable: specs.some((plan) => (plan.flags & KeyFlag.variable_flags) !== 0),
    fallback: fallbackOf(spec, specs),
    hasKeys: specs.some((plan) => (plan.flags & KeyFlag.not_key) === 0),
    optional: (spec.flags & Flag.no_mandatory_keys) !== 0,
  };
  plansById[spec.id] = plans;
  return plans;
}

function planOf(spec: KeySpec): Plan {
  const { beginSearch: begin, findKeys: find } = spec;
  const range = find.kind === 'range' ? find : null;
  const keynum = find.kind === 'keynum' ? find : null;
  return {
    flags: spec.flags.reduce((set, name) => set | KeyFlag[name as keyof typeof KeyFlag], 0),
    index: begin.kind === 'index' ? begin.index : -1,
    keyword: begin.kind === 'keyword' ? Buffer.from(begin.keyword.toLowerCase(), 'latin1') : null,
    startFrom: begin.kind === 'keyword' ? begin.startFrom : 0,
    keyNumIndex: keynum?.keyNumIndex ?? -1,
    firstKey: keynum?.firstKey ?? 0,
    lastKey: range?.lastKey ?? 0,
    step: range?.keyStep ?? keynum?.keyStep ?? 1,
    limit: range?.limit ?? 0,
    unknown: begin.kind === 'unknown' || find.kind === 'unknown',
  };
}

/** False as soon as one specification does not fit: then none of what was found holds. */
function followSpecs(specs: readonly Plan[], command: Command, out: KeyPositions): boolean {
  for (let index = 0; index < specs.length; index++) {
    const plan = specs[index]!;
    if ((plan.flags & KeyFlag.not_key) !== 0) continue;
    if (!followSpec(plan, command, out)) return false;
  }
  return true;
}

function followSpec(plan: Plan, command: Command, out: KeyPositions): boolean {
  if (plan.unknown) return false;
  let first = plan.index;
  if (plan.keyword !== null) {
    first = keywordAt(command, plan.keyword, plan.startFrom) + 1;
    // An optional part that is not there.
    if (first === 0) return true;
  }
  let last: number;
  if (plan.keyNumIndex >= 0) {
    const count = numberAt(command, first + plan.keyNumIndex, true);
    if (count < 0) return false;
    first += plan.firstKey;
    last = first + (count - 1) * plan.step;
  } else if (plan.lastKey >= 0) {
    last = first + plan.lastKey;
  } else if (plan.limit === 0) {
    last = command.argc + plan.lastKey;
  } else {
    last = first + Math.trunc((command.argc - first) / plan.limit) + plan.lastKey;
  }
  if (last >= command.argc || last < first || first >= command.argc) return false;
  for (let index = first; index <= last; index += plan.step) out.add(index, plan.flags);
  return (plan.flags & KeyFlag.incomplete) === 0;
}

/** Index of the keyword, searched forward from `startFrom` or, if that is negative, backward; or -1. */
function keywordAt(command: Command, keyword: Uint8Array, startFrom: number): number {
  const step = startFrom > 0 ? 1 : -1;
  const begin = startFrom > 0 ? startFrom : command.argc + startFrom;
  // Like the server: the last argument is not looked at, nothing could follow it.
  const end = startFrom > 0 ? command.argc - 1 : 1;
  for (let index = begin; step > 0 ? index < end : index > end; index += step) {
    if (is(command, index, keyword)) return index;
  }
  return -1;
}

/** Is the argument this word, in any case? `word` is lower case. */
function is(command: Command, index: number, word: Uint8Array): boolean {
  const start = command.argStart(index);
  const length = word.length;
  if (command.argEnd(index) - start !== length) return false;
  const bytes = command.bytes;
  for (let at = 0; at < length; at++) {
    const byte = bytes[start + at]!;
    if ((byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte) !== word[at]) return false;
  }
  return true;
}

/** A number of keys is never longer; what is longer is larger than any command. */
const NUMBER_DIGITS_MAX = 9;

/**
 * The argument as a number that is not negative, or -1. `strict`: nothing but digits; else digits count up
 * to the first other byte, as `atoi` does it, which the server uses in its second attempt.
 */
function numberAt(command: Command, index: number, strict: boolean): number {
  if (index >= command.argc) return -1;
  const start = command.argStart(index);
  const end = command.argEnd(index);
  if (end === start || (strict && end - start > NUMBER_DIGITS_MAX)) return -1;
  if (strict && command.bytes[start] === 0x30 && end - start > 1) return -1;
  let value = 0;
  let first = start;
  while (!strict && first < end && isBlank(command.bytes[first]!)) first++;
  if (!strict && command.bytes[first] === PLUS) first++;
  for (let at = first; at < end; at++) {
    const digit = command.bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return strict ? -1 : value;
    value = Math.min(value * 10 + digit, 0x7fffffff);
  }
  return value;
}

const PLUS = 0x2b;

/** Space, tab and the other control characters that `atoi` skips. */
function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

const READ = KeyFlag.RO | KeyFlag.access;
const CHANGE = KeyFlag.RW | KeyFlag.access | KeyFlag.update;
const OVERWRITE = KeyFlag.OW | KeyFlag.update;

function word(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

const AUTH = word('auth');
const AUTH2 = word('auth2');
const BLOCK = word('block');
const BY = word('by');
const COUNT = word('count');
const COPY = word('copy');
const GET = word('get');
const GROUP = word('group');
const INCRBY = word('incrby');
const KEYS = word('keys');
const LIMIT = word('limit');
const NOACK = word('noack');
const OVERFLOW = word('overflow');
const REPLACE = word('replace');
const SET = word('set');
const STORE = word('store');
const STREAMS = word('streams');

const FALLBACKS: Readonly<Record<string, Fallback>> = {
  sort: sortKeys,
  sort_ro: (_command, out) => out.add(1, READ),
  migrate: migrateKeys,
  set: setKeys,
  bitfield: bitfieldKeys,
  xread: streamKeys,
  xreadgroup: streamKeys,
};

function fallbackOf(spec: CommandSpec, specs: readonly Plan[]): Fallback | null {
  const own = FALLBACKS[spec.name];
  if (own !== undefined) return own;
  const counted = specs.find((plan) => plan.keyNumIndex >= 0);
  if (counted === undefined) return null;
  const stored = specs.find((plan) => plan.keyNumIndex < 0 && plan.index > 0);
  return (command, out) => countedKeys(command, out, counted, stored?.index ?? 0);
}

/** The second attempt at numkeys: `2x` counts as 2, the key stored into comes last, flags are not known. */
function countedKeys(command: Command, out: KeyPositions, plan: Plan, storeAt: number): void {
  const count = numberAt(command, plan.index + plan.keyNumIndex, false);
  const first = plan.index + plan.firstKey;
  if (count < 1 || count > Math.trunc((command.argc - first) / plan.step)) return;
  for (let key = 0; key < count; key++) out.add(first + key * plan.step, 0);
  if (storeAt > 0) out.add(storeAt, 0);
}

/** SORT key [BY pattern] [LIMIT a b] [GET pattern ...] [STORE target]: the last STORE holds. */
function sortKeys(command: Command, out: KeyPositions): void {
  out.add(1, READ);
  let target = 0;
  for (let index = 2; index < command.argc; index++) {
    if (is(command, index, LIMIT)) index += 2;
    else if (is(command, index, GET) || is(command, index, BY)) index += 1;
    else if (is(command, index, STORE) && index + 1 < command.argc) target = index + 1;
  }
  if (target > 0) out.add(target, OVERWRITE);
}

const SHARP = 0x23;
const STAR = 0x2a;

/**
 * The BY and GET patterns of SORT and SORT_RO that name keys. They are no key positions: which keys they
 * read depends on the elements sorted, so a cluster refuses most, and a prefix must be added to each.
 */
export function sortPatternsOf(command: Command, out: KeyPositions): KeyPositions {
  out.clear();
  for (let index = 2; index < command.argc; index++) {
    if (is(command, index, LIMIT)) index += 2;
    else if ((is(command, index, GET) || is(command, index, BY)) && ++index < command.argc) {
      if (isPattern(command, index)) out.add(index, READ);
    }
  }
  return out;
}

/** `#` is the element itself; a BY without `*` means "do not sort". */
function isPattern(command: Command, index: number): boolean {
  const start = command.argStart(index);
  const end = command.argEnd(index);
  if (end - start === 1 && command.bytes[start] === SHARP) return false;
  for (let at = start; at < end; at++) if (command.bytes[at] === STAR) return true;
  return false;
}

/** MIGRATE host port key|"" db timeout [COPY] [REPLACE] [AUTH p] [AUTH2 u p] [KEYS key ...] */
function migrateKeys(command: Command, out: KeyPositions): void {
  let first = 3;
  let count = 1;
  for (let index = 6; index < command.argc && command.argc > 6; index++) {
    if (is(command, index, KEYS)) {
      // A key at its own place and keys behind the word too: a mistake, and nothing is moved.
      if (command.argLength(3) > 0) return;
      first = index + 1;
      count = command.argc - first;
      break;
    }
    if (is(command, index, AUTH)) index += 1;
    else if (is(command, index, AUTH2)) index += 2;
    else if (!is(command, index, COPY) && !is(command, index, REPLACE)) continue;
  }
  for (let key = 0; key < count; key++) {
    out.add(first + key, KeyFlag.RW | KeyFlag.access | KeyFlag.delete);
  }
}

/** SET reads the old value only with GET. */
function setKeys(command: Command, out: KeyPositions): void {
  for (let index = 3; index < command.argc; index++) {
    if (!is(command, index, GET)) continue;
    out.add(1, CHANGE);
    return;
  }
  out.add(1, OVERWRITE);
}

/** BITFIELD only reads if all of its operations are GET. */
function bitfieldKeys(command: Command, out: KeyPositions): void {
  let flags = READ;
  for (let index = 2; index < command.argc; index++) {
    const rest = command.argc - index - 1;
    if (is(command, index, GET) && rest >= 2) index += 2;
    else if (is(command, index, OVERFLOW) && rest >= 1) index += 1;
    else if ((is(command, index, SET) || is(command, index, INCRBY)) && rest >= 3) {
      flags = CHANGE;
      index += 3;
    } else {
      // A mistake: the server will say so; until then it counts as a write.
      flags = CHANGE;
      break;
    }
  }
  out.add(1, flags);
}

/** XREAD [COUNT n] [BLOCK ms] STREAMS key ... id ...; XREADGROUP GROUP g c [NOACK] ... */
function streamKeys(command: Command, out: KeyPositions): void {
  for (let index = 1; index < command.argc; index++) {
    if (is(command, index, BLOCK) || is(command, index, COUNT)) index += 1;
    else if (is(command, index, GROUP)) index += 2;
    else if (is(command, index, STREAMS)) {
      const rest = command.argc - index - 1;
      if (rest % 2 !== 0) return;
      for (let key = 1; key <= rest / 2; key++) out.add(index + key, KeyFlag.RO | KeyFlag.access);
      return;
    } else if (!is(command, index, NOACK)) return;
  }
}
