/**
 * From the bytes of a name to what is known about the command.
 *
 *   bytes .. G e T ..  -> hash over length and lower-cased bytes -> slots[hash & mask] -> compare -> spec
 *
 * This is done once per command, so it builds no string and allocates nothing. The slots are at most a
 * quarter full: nearly every name is found, or known to be absent, at the first probe. Built-in commands
 * and those a listener declares itself (`custom_commands`) stand in one index of one shape, so the code
 * stays monomorphic however many listeners there are.
 */
import type { Command } from './command.ts';
import {
  Category,
  type CommandSpec,
  Flag,
  type KeySpec,
  type RequestPolicy,
  type ResponsePolicy,
} from './spec.ts';
import { KEY_SPECS, ROWS, type Row, TEXTS, TIPS } from './table.ts';

/** Upper case letters lowered, every other byte as it is. */
const FOLD: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte,
);

/** What is the same in an upper and a lower case letter, and differs from letter to letter. */
const CASE = 0x1f;

/** Names are shorter; a longer argument is no name and is not even hashed. */
const NAME_BYTES_MAX = 64;

class NameIndex {
  /** Position in `specs` plus one; 0: free. */
  readonly #slots: Int16Array;
  readonly #mask: number;
  /** Length, then bytes, of name number n at n * NAME_BYTES_MAX. */
  readonly #names: Uint8Array;
  readonly #specs: CommandSpec[];

  /** `cut` bytes in front are left out: subcommands are found by the part behind the `|`. */
  constructor(specs: readonly CommandSpec[], cut: number) {
    const slotCount = 2 ** Math.ceil(Math.log2(Math.max(specs.length, 1) * 4));
    this.#mask = slotCount - 1;
    this.#slots = new Int16Array(slotCount);
    this.#names = new Uint8Array(specs.length * NAME_BYTES_MAX);
    this.#specs = [...specs];
    for (const [position, spec] of specs.entries()) this.#insert(position, spec.name.slice(cut));
  }

  #insert(position: number, name: string): void {
    const bytes = Buffer.from(name, 'latin1');
    if (bytes.length >= NAME_BYTES_MAX) throw new Error(`command name is too long: ${name}`);
    this.#names[position * NAME_BYTES_MAX] = bytes.length;
    this.#names.set(bytes, position * NAME_BYTES_MAX + 1);
    let slot = hash(bytes, 0, bytes.length) & this.#mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
    this.#slots[slot] = position + 1;
  }

  find(bytes: Uint8Array, start: number, end: number): CommandSpec | undefined {
    const length = end - start;
    if (length >= NAME_BYTES_MAX) return undefined;
    const names = this.#names;
    let slot = hash(bytes, start, end) & this.#mask;
    for (;;) {
      const entry = this.#slots[slot]!;
      if (entry === 0) return undefined;
      const at = (entry - 1) * NAME_BYTES_MAX;
      if (names[at] === length) {
        let index = length;
        while (index > 0 && names[at + index] === FOLD[bytes[start + index - 1]!]) index--;
        if (index === 0) return this.#specs[entry - 1];
      }
      slot = (slot + 1) & this.#mask;
    }
  }
}

/** Length and four bytes tell nearly all names apart; the comparison is a loop already, this is none. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length <= 0) return 0;
  const value =
    (bytes[start]! & CASE) |
    ((bytes[end - 1]! & CASE) << 5) |
    ((bytes[start + (length >> 1)]! & CASE) << 10) |
    ((bytes[start + (length >> 2)]! & CASE) << 15) |
    (length << 20);
  // The upper bits of the product depend on all of them.
  return Math.imul(value, 0x9e3779b1) >>> 20;
}

/** What a `Command` carries while nobody knows it; its id, 0, counts the unknown ones. */
export const UNKNOWN: CommandSpec = {
  id: 0,
  name: '',
  arity: -1,
  flags: 0,
  categories: 0,
  keySpecs: [],
  keyAt: 0,
  firstKey: 0,
  lastKey: 0,
  keyStep: 0,
  tips: [],
  requestPolicy: null,
  responsePolicy: null,
  cacheable: false,
  isRead: false,
  isWrite: false,
  door: 'route',
  over: null,
  merge: null,
  whileSubscribed: false,
  why: null,
  wait: null,
  script: null,
  atOnce: false,
  secrets: null,
  since: '',
  group: '',
  subcommands: null,
};

/** Built-in commands by id minus one: containers and subcommands in the order of their names. */
const SPECS: readonly CommandSpec[] = specsOfRows(ROWS);
const BY_NAME: ReadonlyMap<string, CommandSpec> = new Map(SPECS.map((spec) => [spec.name, spec]));
const TOP_LEVEL: readonly CommandSpec[] = SPECS.filter((spec) => !spec.name.includes('|'));

/** Ids of built-in commands are below this; those of custom commands follow, see `idCount`. */
export const COMMAND_COUNT: number = SPECS.length + 1;

/** By id; null for a command without subcommands. */
const SUBCOMMANDS: readonly (NameIndex | null)[] = [
  null,
  ...SPECS.map((spec) =>
    spec.subcommands === null
      ? null
      : new NameIndex([...spec.subcommands.values()], spec.name.length + 1),
  ),
];

/** Custom commands by name: one spec and one id each, whichever listeners declare it. */
const CUSTOM = new Map<string, CommandSpec>();

/** The commands one listener knows: all built-in ones and those it declares itself. */
export class CommandTable {
  readonly #index: NameIndex;
  readonly #custom: ReadonlyMap<string, CommandSpec>;

  /** Of each custom command the first argument is the key; a name that is built in stays what it is. */
  constructor(customNames: readonly string[] = []) {
    const custom = customNames
      .map((name) => name.toLowerCase())
      .filter((name) => !BY_NAME.has(name))
      .map((name) => [name, customSpec(name)] as const);
    this.#custom = new Map(custom);
    this.#index = new NameIndex([...TOP_LEVEL, ...this.#custom.values()], 0);
  }

  /** The command named by `bytes[start, end)` in any case; a container for its subcommands too. */
  lookup(bytes: Uint8Array, start: number, end: number): CommandSpec | undefined {
    return this.#index.find(bytes, start, end);
  }

  /** The spec of a whole command: of the subcommand, where there is a known one. */
  resolve(command: Command): CommandSpec | undefined {
    if (command.argc === 0) return undefined;
    const spec = this.#index.find(command.bytes, command.argStart(0), command.argEnd(0));
    if (spec === undefined || spec.subcommands === null || command.argc < 2) return spec;
    return lookupSubcommand(spec, command.bytes, command.argStart(1), command.argEnd(1)) ?? spec;
  }

  /** By name, `client|getname` for a subcommand; not for the path of a command. */
  specByName(name: string): CommandSpec | undefined {
    const folded = name.toLowerCase();
    return BY_NAME.get(folded) ?? this.#custom.get(folded);
  }

  /** Commands without their subcommands, built-in ones first. */
  topLevel(): readonly CommandSpec[] {
    return [...TOP_LEVEL, ...this.#custom.values()];
  }
}

/** The built-in commands alone. */
export const BUILT_IN: CommandTable = new CommandTable();

export function lookup(bytes: Uint8Array, start: number, end: number): CommandSpec | undefined {
  return BUILT_IN.lookup(bytes, start, end);
}

/** The subcommand of a container; undefined too for a command that is none. */
export function lookupSubcommand(
  spec: CommandSpec,
  bytes: Uint8Array,
  start: number,
  end: number,
): CommandSpec | undefined {
  // Custom commands have ids beyond the array.
  return SUBCOMMANDS[spec.id]?.find(bytes, start, end);
}

export function resolve(command: Command): CommandSpec | undefined {
  return BUILT_IN.resolve(command);
}

export function specByName(name: string): CommandSpec | undefined {
  return BUILT_IN.specByName(name);
}

/** Built-in commands and subcommands in the order of their names. */
export function allCommands(): readonly CommandSpec[] {
  return SPECS;
}

/** Length an array indexed by `id` needs now: grows when a listener declares a custom command. */
export function idCount(): number {
  return COMMAND_COUNT + CUSTOM.size;
}

/** May `spec` be called with so many arguments, the name included? */
export function checkArity(spec: CommandSpec, argc: number): boolean {
  return spec.arity >= 0 ? argc === spec.arity : argc >= -spec.arity;
}

function specsOfRows(rows: readonly Row[]): CommandSpec[] {
  const families = new Map<string, Map<string, CommandSpec>>();
  for (const [name] of rows) {
    const bar = name.indexOf('|');
    if (bar > 0) families.set(name.slice(0, bar), new Map());
  }
  return rows.map((row, index) => {
    const name = row[0];
    const spec = specOfRow(row, index + 1, families.get(name) ?? null);
    const bar = name.indexOf('|');
    if (bar > 0) families.get(name.slice(0, bar))?.set(name.slice(bar + 1), spec);
    return spec;
  });
}

function specOfRow(
  row: Row,
  id: number,
  subcommands: ReadonlyMap<string, CommandSpec> | null,
): CommandSpec {
  const [name, arity, flags, categories, keys, firstKey, lastKey, keyStep] = row;
  const [, , , , , , , , tipsPlace, door, whyPlace, cacheable, sincePlace, groupPlace] = row;
  const [, , , , , , , , , , , , , , wait, atOnce, whileSubscribed, secrets, script, over, merge] =
    row;
  const keySpecs = keys.map((place) => KEY_SPECS[place]!);
  const tips = TIPS[tipsPlace]!;
  return {
    id,
    name,
    arity,
    flags,
    categories,
    keySpecs,
    keyAt: keyAtOf(keySpecs, arity),
    firstKey,
    lastKey,
    keyStep,
    tips,
    requestPolicy: policyOf(tips, 'request_policy:') as RequestPolicy,
    responsePolicy: policyOf(tips, 'response_policy:') as ResponsePolicy,
    cacheable: cacheable === 1,
    isRead: (flags & Flag.readonly) !== 0,
    isWrite: (flags & Flag.write) !== 0,
    door,
    over: over ?? null,
    merge: merge ?? null,
    whileSubscribed: whileSubscribed === 1,
    why: whyPlace < 0 ? null : TEXTS[whyPlace]!,
    wait,
    script,
    atOnce: atOnce === 1,
    secrets,
    since: TEXTS[sincePlace]!,
    group: TEXTS[groupPlace]!,
    subcommands,
  };
}

/** See `CommandSpec.keyAt`: the short cut is right only if arity promises that the argument is there. */
function keyAtOf(keySpecs: readonly KeySpec[], arity: number): number {
  if (keySpecs.length === 0) return 0;
  const { beginSearch, findKeys, flags } = keySpecs[0]!;
  if (keySpecs.length > 1 || beginSearch.kind !== 'index' || findKeys.kind !== 'range') return -1;
  if (findKeys.lastKey !== 0 || flags.includes('incomplete') || flags.includes('not_key'))
    return -1;
  return Math.abs(arity) > beginSearch.index ? beginSearch.index : -1;
}

function policyOf(tips: readonly string[], prefix: string): string | null {
  return tips.find((tip) => tip.startsWith(prefix))?.slice(prefix.length) ?? null;
}

/** Nothing is known of it but its key, so it counts as a write: never cached, never sent to a replica. */
function customSpec(name: string): CommandSpec {
  const known = CUSTOM.get(name);
  if (known !== undefined) return known;
  const spec: CommandSpec = {
    ...UNKNOWN,
    id: idCount(),
    name,
    arity: -2,
    flags: Flag.write,
    categories: Category.write | Category.slow,
    keySpecs: [
      {
        flags: ['RW', 'access', 'update'],
        beginSearch: { kind: 'index', index: 1 },
        findKeys: { kind: 'range', lastKey: 0, keyStep: 1, limit: 0 },
      },
    ],
    keyAt: 1,
    firstKey: 1,
    lastKey: 1,
    keyStep: 1,
    isWrite: true,
    since: 'custom',
    group: 'custom',
  };
  CUSTOM.set(name, spec);
  return spec;
}
