/** What is different between two configurations, by name: for whoever asked for a reload. */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.ts';
import { withoutFileTexts } from './file-secrets.ts';

export interface Changes {
  readonly listeners: SectionChanges;
  readonly upstreams: SectionChanges;
  readonly admin: boolean;
  readonly log: boolean;
}

export interface SectionChanges {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** As far as a reload concerns it: secrets in files are exchanged there. */
export function isSame(one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(withoutFileTexts(one), withoutFileTexts(other));
}

export function changesBetween(before: Config, after: Config): Changes {
  return {
    listeners: sectionChanges(before.listeners, after.listeners),
    upstreams: sectionChanges(before.upstreams, after.upstreams),
    admin: !isDeepStrictEqual(before.admin, after.admin),
    log: !isDeepStrictEqual(before.log, after.log),
  };
}

function sectionChanges(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): SectionChanges {
  const names = Object.keys(after);
  return {
    added: names.filter((name) => !Object.hasOwn(before, name)),
    changed: names.filter(
      (name) => Object.hasOwn(before, name) && !isSame(before[name], after[name]),
    ),
    removed: Object.keys(before).filter((name) => !Object.hasOwn(after, name)),
  };
}
