/**
 * Who may come in and what they may do: names, passwords, command rules and key patterns in the words of
 * Redis's ACL (`+@all`, `-@dangerous`, `+get`, `-client|kill`; `app:*`).
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Command } from '../commands/command.ts';
import { KeyPositions, keysOf, sortPatternsOf } from '../commands/keys.ts';
import { allCommands, BUILT_IN, type CommandTable } from '../commands/lookup.ts';
import { Category, type CategoryName, type CommandSpec, Flag } from '../commands/spec.ts';
import { globMatches } from '../core/glob.ts';
import type { Secret } from '../core/secret-files.ts';
import { NO_KEY_PERMISSION, noCommandPermission } from '../resp/errors.ts';
import { UserRate } from './user-rate.ts';

export interface UserOptions {
  readonly name: string;
  /** Any of them is accepted; one that may change is read at each login. */
  readonly passwords: readonly (string | Secret)[];
  /** Patterns; null: every key. */
  readonly keys: readonly string[] | null;
  /** Rules from left to right; null: every command. */
  readonly commands: readonly string[] | null;
  /** Commands per second of all its clients together; absent or null: unlimited. */
  readonly rate?: number | null;
}

/** Who sends a password alone. */
export const DEFAULT_USER = 'default';

export class User {
  readonly name: string;
  /** Everything is allowed: nothing to check per command. */
  readonly isUnlimited: boolean;
  /** Null: as fast as it likes. */
  readonly rate: UserRate | null;
  readonly #passwords: readonly Secret[];
  readonly #patterns: readonly Buffer[] | null;
  /** By spec id; null: all. Commands registered by configuration come after the table's. */
  readonly #allowed: readonly boolean[] | null;
  readonly #allowsUnlisted: boolean;

  constructor(options: UserOptions, table: CommandTable) {
    this.name = options.name;
    const { rate = null } = options;
    this.rate = rate === null ? null : new UserRate(rate);
    this.#passwords = options.passwords.map((each) =>
      typeof each === 'string' ? { text: each } : each,
    );
    const matchesAll = options.keys === null || options.keys.some((p) => bare(p) === '*');
    this.#patterns = matchesAll ? null : options.keys.map((p) => Buffer.from(bare(p)));
    const rules = options.commands === null ? null : compileRules(options.commands, table);
    this.#allowed = rules === null ? null : rules.allowed;
    this.#allowsUnlisted = rules === null || rules.allowsUnlisted;
    this.isUnlimited = this.#patterns === null && this.#allowed === null;
  }

  accepts(password: Buffer): boolean {
    const given = digest(password);
    let accepted = false;
    // No early end: the time tells nothing about which password came close.
    for (const { text } of this.#passwords) {
      if (timingSafeEqual(given, digest(text))) accepted = true;
    }
    return accepted;
  }

  mayRun(spec: CommandSpec): boolean {
    if ((spec.flags & Flag.no_auth) !== 0 || this.#allowed === null) return true;
    return this.#allowed[spec.id] ?? this.#allowsUnlisted;
  }

  /** Why the command may not run, as Redis words it, or null. */
  denialOf(command: Command, spec: CommandSpec): string | null {
    if (!this.mayRun(spec)) return noCommandPermission(spec.name);
    if (this.#patterns === null) return null;
    if ((spec.categories & Category.scripting) !== 0 && spec.keyAt < 0) return NO_SCRIPTS;
    if (!this.#mayTouch(command, keysOf(command, scratchKeys))) return NO_KEY_PERMISSION;
    const { keySpecs } = spec;
    return keySpecs.some(({ beginSearch }) => beginSearch.kind === 'unknown')
      ? sortDenial(command)
      : null;
  }

  /** Every key of the command matches a pattern. */
  #mayTouch(command: Command, keys: KeyPositions): boolean {
    const patterns = this.#patterns!;
    for (let i = 0; i < keys.count; i++) {
      const index = keys.indexes[i]!;
      const start = command.argStart(index);
      const end = command.argEnd(index);
      if (!patterns.some((pattern) => globMatches(pattern, command.bytes, start, end)))
        return false;
    }
    return true;
  }
}

const scratchKeys = new KeyPositions();

/** A script names some keys and may touch others; a server checks those as they come, a door cannot. */
const NO_SCRIPTS = 'NOPERM scripts may touch every key, and this user only some';

/** BY and GET read keys that the command does not name. */
function sortDenial(command: Command): string | null {
  const patterns = sortPatternsOf(command, scratchKeys);
  if (patterns.count === 0) return null;
  const option = command.text(patterns.indexes[0]! - 1).toUpperCase();
  return `ERR ${option} option of SORT denied due to insufficient ACL permissions.`;
}

function bare(pattern: string): string {
  return pattern.startsWith('~') ? pattern.slice(1) : pattern;
}

/** Equal length for every password, so that the comparison cannot tell lengths apart. */
function digest(password: string | Buffer): Buffer {
  return createHash('sha256').update(password).digest();
}

/** Why a rule is wrong, or null. For the check of a configuration too. */
export function faultOfRule(rule: string, table: CommandTable): string | null {
  if (['allcommands', 'nocommands'].includes(rule)) return null;
  if (!/^[+-]/.test(rule)) return "a rule begins with '+' or '-'";
  const what = rule.slice(1).toLowerCase();
  if (what.startsWith('@')) {
    const known = what === '@all' || Object.hasOwn(Category, what.slice(1));
    return known ? null : `unknown category '${what}'`;
  }
  return table.specByName(what) === undefined ? `unknown command '${what}'` : null;
}

function compileRules(
  rules: readonly string[],
  table: CommandTable,
): { allowed: boolean[]; allowsUnlisted: boolean } {
  // Those of the table without subcommands are the listener's own.
  const specs = new Set([...allCommands(), ...table.topLevel()]);
  const allowed: boolean[] = [];
  for (const spec of specs) allowed[spec.id] = false;
  let allowsUnlisted = false;
  for (const rule of rules) {
    const fault = faultOfRule(rule, table);
    if (fault !== null) throw new RangeError(`rule '${rule}': ${fault}`);
    const allows = rule.startsWith('+') || rule === 'allcommands';
    const what = rule.replace(/^[+-]/, '').toLowerCase();
    if (['@all', 'allcommands', 'nocommands'].includes(what)) allowsUnlisted = allows;
    for (const spec of specs) if (isMeant(spec, what)) allowed[spec.id] = allows;
  }
  return { allowed, allowsUnlisted };
}

function isMeant(spec: CommandSpec, what: string): boolean {
  if (['@all', 'allcommands', 'nocommands'].includes(what)) return true;
  if (what.startsWith('@'))
    return (spec.categories & Category[what.slice(1) as CategoryName]) !== 0;
  return spec.name === what || spec.name.startsWith(`${what}|`);
}

/** The users of one listener; null where everybody may do everything. */
export class Users {
  readonly #byName: ReadonlyMap<string, User>;

  constructor(users: readonly UserOptions[], table: CommandTable) {
    this.#byName = new Map(users.map((user) => [user.name, new User(user, table)]));
  }

  find(name: string): User | null {
    return this.#byName.get(name) ?? null;
  }

  /** The user if the password is right. An unknown name costs as much time as a known one. */
  login(name: string, password: Buffer): User | null {
    const user = this.#byName.get(name);
    return (user ?? NOBODY).accepts(password) ? (user ?? null) : null;
  }
}

const NOBODY = new User({ name: '', passwords: [''], keys: null, commands: null }, BUILT_IN);
