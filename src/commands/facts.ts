/**
 * The shape of data/commands/*.json, the source of truth about commands, and how to read it.
 *
 * Two readers: scripts/generate-commands.ts, which makes table.ts of what is needed to run commands, and
 * describe.ts, which needs the rest (summaries, arguments) when a client asks COMMAND DOCS. That is seldom,
 * and start-up must be short, so nothing here is read before somebody asks.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { Merge, Over, ScriptSpec, WaitSpec } from './spec.ts';

export interface FactArgument {
  readonly name: string;
  readonly type: string;
  readonly token?: string;
  /** Index of the key specification that finds this argument. */
  readonly key?: number;
  readonly optional?: boolean;
  readonly multiple?: boolean;
  readonly multiple_token?: boolean;
  readonly since?: string;
  readonly deprecated?: string;
  readonly args?: readonly FactArgument[];
}

export interface FactKeySpec {
  /** Words separated by spaces. */
  readonly flags: string;
  readonly begin: number | 'unknown' | { readonly keyword: string; readonly from: number };
  /** Absent: one key, where the search began. */
  readonly find?:
    | 'unknown'
    | { readonly last: number; readonly step: number; readonly limit: number }
    | { readonly count: number; readonly first: number; readonly step: number };
  readonly note?: string;
}

export interface CommandFact {
  readonly summary: string;
  /** Without `valkey`: every Valkey knows it, if Redis 7.2 does, else none. */
  readonly since: { readonly redis?: string; readonly valkey?: string; readonly tidegate?: string };
  readonly group: string;
  readonly arity: number;
  /** Words separated by spaces, as `COMMAND INFO` names them; so is `acl`. */
  readonly flags: string;
  readonly acl: string;
  readonly keys?: readonly FactKeySpec[];
  readonly tips?: readonly string[];
  /** Absent: `route`. */
  readonly door?: 'split' | 'local' | 'channel' | 'subscribe' | 'block' | 'transaction' | 'refuse';
  /** How long it may hold its connection: see `WaitSpec`. */
  readonly wait?: WaitSpec;
  /** What it has to do with scripts: see `ScriptSpec`. */
  readonly script?: ScriptSpec;
  /** Runs inside MULTI too instead of being queued. */
  readonly atOnce?: boolean;
  /** A client of RESP2 may send it while it is subscribed to something. */
  readonly whileSubscribed?: boolean;
  readonly why?: string;
  /** See `CommandSpec.over` and `CommandSpec.merge`; absent: as the policies among `tips` say. */
  readonly over?: Over;
  readonly merge?: Merge;
  readonly doorNote?: string;
  readonly cacheable?: boolean;
  /** Arguments that are passwords: all, or so many behind a word. */
  readonly secrets?: 'all' | Readonly<Record<string, number>>;
  readonly complexity?: string;
  readonly deprecated?: string;
  readonly replacement?: readonly string[];
  /** Spoken between servers, not for applications. */
  readonly system?: boolean;
  readonly args?: readonly FactArgument[];
}

/** `data/` is published beside `src/` and `dist/`, so the same relative path finds it from both. */
const FOLDER = new URL('../../data/commands/', import.meta.url);

let facts: ReadonlyMap<string, CommandFact> | null = null;

/** Every command and subcommand (`client|getname`) in the order of their names; read once, about 10 ms. */
export function commandFacts(): ReadonlyMap<string, CommandFact> {
  facts ??= readFacts(FOLDER);
  return facts;
}

function readFacts(folder: URL): ReadonlyMap<string, CommandFact> {
  const entries: [string, CommandFact][] = [];
  for (const file of readdirSync(folder)) {
    if (!file.endsWith('.json')) continue;
    const group = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Record<
      string,
      CommandFact
    >;
    entries.push(...Object.entries(group));
  }
  return new Map(entries.sort(([left], [right]) => (left < right ? -1 : 1)));
}
