/** Routes by key prefix: the longest that matches wins. */
import type { Backend } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import type { Group } from './group.ts';

export interface Mirror {
  /** A router of its own over the mirror's servers. */
  readonly backend: Backend;
  /** 0 to 100. */
  readonly percent: number;
  readonly excludeReads: boolean;
}

export interface Route {
  readonly prefix: string;
  readonly removePrefix: boolean;
  /** `%KEY%` stands for the key (without its prefix, if that is removed); empty: no change. */
  readonly keyFormat: string;
  readonly group: Group;
  /** Reads go there instead; null: as everything. */
  readonly readGroup: Group | null;
  readonly mirrors: readonly Mirror[];
}

/** A route prepared for bytes. */
export class CompiledRoute {
  readonly group: Group;
  readonly readGroup: Group | null;
  readonly mirrors: readonly Mirror[];
  readonly prefix: Buffer;
  /** Bytes taken off the front of every key. */
  readonly cut: number;
  /** What stands before and after the key in its new form. */
  readonly before: Buffer;
  readonly after: Buffer;
  readonly rewrites: boolean;

  constructor(route: Route) {
    this.group = route.group;
    this.readGroup = route.readGroup;
    this.mirrors = route.mirrors;
    this.prefix = Buffer.from(route.prefix);
    this.cut = route.removePrefix ? this.prefix.length : 0;
    const parts = (route.keyFormat === '' ? KEY : route.keyFormat).split(KEY);
    this.before = Buffer.from(parts[0]!);
    this.after = Buffer.from(parts.slice(1).join(KEY));
    this.rewrites = this.cut > 0 || this.before.length > 0 || this.after.length > 0;
  }
}

const KEY = '%KEY%';

export class RouteTable {
  /** Without prefix; null: a key that matches no other route has no host. */
  readonly catchAll: CompiledRoute | null;
  /** By the first byte of the prefix (folded if case does not matter), longest first. */
  readonly #byFirst: (CompiledRoute[] | undefined)[] = new Array(256).fill(undefined);
  readonly #fold: boolean;
  readonly all: readonly CompiledRoute[];
  /** Of all routes: for commands that name no key. */
  readonly mirrors: readonly Mirror[];
  /** Every key goes to the same upstream, whatever its prefix: one server of it may speak for all. */
  readonly hasOneGroup: boolean;

  constructor(routes: readonly Route[], caseInsensitive: boolean) {
    this.#fold = caseInsensitive;
    this.all = routes.map((route) => new CompiledRoute(route));
    this.catchAll = this.all.find((route) => route.prefix.length === 0) ?? null;
    this.mirrors = this.all.flatMap((route) => route.mirrors);
    this.hasOneGroup = new Set(this.all.map((route) => route.group)).size === 1;
    const sorted = this.all.toSorted((a, b) => b.prefix.length - a.prefix.length);
    for (const route of sorted) {
      if (route.prefix.length === 0) continue;
      const first = this.#folded(route.prefix[0]!);
      this.#byFirst[first] ??= [];
      this.#byFirst[first].push(route);
    }
  }

  find(bytes: Buffer, start: number, end: number): CompiledRoute | null {
    if (start === end) return this.catchAll;
    const candidates = this.#byFirst[this.#folded(bytes[start]!)];
    if (candidates === undefined) return this.catchAll;
    for (const route of candidates) if (this.#matches(route, bytes, start, end)) return route;
    return this.catchAll;
  }

  #matches(route: CompiledRoute, bytes: Buffer, start: number, end: number): boolean {
    const prefix = route.prefix;
    if (end - start < prefix.length) return false;
    for (let i = 0; i < prefix.length; i++) {
      if (this.#folded(prefix[i]!) !== this.#folded(bytes[start + i]!)) return false;
    }
    return true;
  }

  #folded(byte: number): number {
    return this.#fold && byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
  }
}

/** A channel, the first argument of `command`, is placed as a key would be, but never rewritten. */
export function serverOfChannel(table: RouteTable, command: Command): Backend | null {
  const { bytes } = command;
  const start = command.argStart(1);
  const end = command.argEnd(1);
  const group = table.find(bytes, start, end)?.group;
  return group?.only ?? group?.serverOf(bytes, start, end) ?? null;
}
