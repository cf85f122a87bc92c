/**
 * INFO of several servers as that of one. Which sections there are decides what the client asked, and the servers
 * answer; here fields of one name become one by the rules of `info-rules.ts`, and the door adds a section of its own.
 */
import type { Command } from '../commands/command.ts';
import { textOf, type Value } from '../resp/value.ts';
import { averageOf, humanBytes, isNumber, maximumOf, minimumOf, sumOf } from './decimals.ts';
import {
  NUMBERED,
  type NumberRule,
  PART_RULES,
  type PartRule,
  REPEATED,
  RULES,
  type Share,
  WELL,
} from './info-rules.ts';
import type { JoinValues } from './poll.ts';

/** The section of the door itself; null: it has none. */
export interface About {
  readonly section: string;
  fields(): readonly (readonly [string, string | number])[];
}

/** Words that mean every section. */
const EVERYTHING = ['all', 'default', 'everything'];

/** Values of one field, one per server that has it; empty for a line that stands for itself. */
type Section = Map<string, string[]>;

export function infoJoin(command: Command, about: About | null): JoinValues {
  const own = about !== null && wantsOwn(command, about) ? about : null;
  return (replies) => {
    const texts = replies.map(textOf);
    if (texts.includes(null)) return undefined;
    return infoText([...joinedSections(texts as string[]), ...ownSection(own)]);
  };
}

/** Nothing but the door's own section is asked for, so no server has to be. */
export function isOwnOnly(command: Command, about: About): boolean {
  return command.argc === 2 && command.text(1).toLowerCase() === about.section.toLowerCase();
}

export function ownInfo(about: About): Value {
  return infoText(ownSection(about));
}

function wantsOwn(command: Command, about: About): boolean {
  if (command.argc === 1) return true;
  const wanted = [...EVERYTHING, about.section.toLowerCase()];
  for (let i = 1; i < command.argc; i++) {
    if (wanted.includes(command.text(i).toLowerCase())) return true;
  }
  return false;
}

function ownSection(about: About | null): string[] {
  if (about === null) return [];
  const lines = about.fields().map(([name, value]) => `${name}:${value}\r\n`);
  return [`# ${about.section}\r\n${lines.join('')}`];
}

function infoText(sections: readonly string[]): Value {
  return { verbatim: sections.join('\r\n'), format: 'txt' };
}

function joinedSections(texts: readonly string[]): string[] {
  return [...readSections(texts)].map(([title, section]) => {
    const joint = joinSection(section);
    const lines = [...joint].map(([name, value]) =>
      value === null ? `${name}\r\n` : `${name}:${value}\r\n`,
    );
    return `${title}\r\n${lines.join('')}`;
  });
}

/** Sections and fields in the order in which the first server that has them brings them. */
function readSections(texts: readonly string[]): Map<string, Section> {
  const sections = new Map<string, Section>();
  const numbers = new Map<string, number>();
  for (const text of texts) {
    let section: Section = new Map();
    for (const line of text.split('\r\n')) {
      if (line === '') continue;
      if (line.startsWith('#')) {
        section = sections.get(line) ?? new Map<string, string[]>();
        sections.set(line, section);
      } else {
        readField(section, line, numbers);
      }
    }
  }
  return sections;
}

function readField(section: Section, line: string, numbers: Map<string, number>): void {
  const colon = line.indexOf(':');
  let name = colon < 0 ? line : line.slice(0, colon);
  if (colon < 0 || REPEATED.test(name)) {
    section.set(line, []);
    return;
  }
  const numbered = NUMBERED.exec(name)?.[1];
  if (numbered !== undefined) {
    const number = numbers.get(numbered) ?? 0;
    numbers.set(numbered, number + 1);
    name = `${numbered}${number}`;
  }
  const value = line.slice(colon + 1);
  const known = section.get(name);
  if (known === undefined) section.set(name, [value]);
  else known.push(value);
}

function joinSection(section: Section): Map<string, string | null> {
  const joint = new Map<string, string | null>();
  for (const [name, values] of section) {
    joint.set(name, values.length === 0 ? null : joinField(name, values));
  }
  // What follows from other fields comes last, when those are known.
  for (const name of section.keys()) {
    const derived = derive(name, joint);
    if (derived !== null) joint.set(name, derived);
  }
  return joint;
}

function joinField(name: string, values: readonly string[]): string {
  const rule = RULES.get(name);
  if (rule === undefined) return joinUnlisted(name, values);
  if (typeof rule === 'object') return 'fixed' in rule ? rule.fixed : values[0]!;
  return joinByRule(rule, values);
}

function joinByRule(rule: NumberRule | 'first' | 'worst', values: readonly string[]): string {
  const first = values[0]!;
  if (rule === 'first') return first;
  if (rule === 'worst') return values.find((value) => !WELL.includes(value)) ?? first;
  return values.every(isNumber) ? joinNumbers(rule, values) : first;
}

function joinNumbers(rule: NumberRule, values: readonly string[]): string {
  switch (rule) {
    case 'min':
      return minimumOf(values);
    case 'max':
      return maximumOf(values);
    case 'average':
      return averageOf(values);
    case 'limit':
      return values.includes('0') ? '0' : sumOf(values);
  }
}

function joinUnlisted(name: string, values: readonly string[]): string {
  if (values.every(isNumber)) return sumOf(values);
  const rules = PART_RULES.find(({ fields }) => fields.test(name))?.rules;
  return rules === undefined ? values[0]! : joinParts(values, rules);
}

const HUMAN = '_human';

/** Null: the field does not follow from others, or they are not there. */
function derive(name: string, joint: ReadonlyMap<string, string | null>): string | null {
  if (name.endsWith(HUMAN)) {
    const bytes = joint.get(name.slice(0, -HUMAN.length));
    return bytes == null || !isNumber(bytes) ? null : humanBytes(Number(bytes));
  }
  const rule = RULES.get(name);
  if (typeof rule !== 'object' || !('part' in rule)) return null;
  return shareOf(rule, joint);
}

function shareOf(share: Share, joint: ReadonlyMap<string, string | null>): string | null {
  const part = joint.get(share.part);
  const whole = joint.get(share.whole);
  if (part == null || whole == null) return null;
  const less = share.less === undefined ? 0 : Number(joint.get(share.less) ?? 0);
  const rest = Number(whole) - less;
  const ratio = rest === 0 ? 0 : Number(part) / rest;
  return share.percent === true ? `${(ratio * 100).toFixed(2)}%` : ratio.toFixed(2);
}

type Parts = ReadonlyMap<string, string>;

/** `calls=1,usec=2` of each server, part by part. */
function joinParts(values: readonly string[], rules: Readonly<Record<string, PartRule>>): string {
  const servers = values.map(partsOf);
  const names = new Set(servers.flatMap((parts) => [...parts.keys()]));
  return [...names]
    .map((name) => `${name}=${joinPart(name, servers, rules[name] ?? rules['*'] ?? 'sum')}`)
    .join(',');
}

function partsOf(value: string): Parts {
  return new Map(
    value.split(',').map((part) => {
      const at = part.indexOf('=');
      return [part.slice(0, at), part.slice(at + 1)];
    }),
  );
}

function joinPart(name: string, servers: readonly Parts[], rule: PartRule): string {
  const values = valuesOf(name, servers);
  if (!values.every(isNumber)) return values[0]!;
  if (rule === 'sum') return sumOf(values);
  if (rule === 'max') return maximumOf(values);
  if ('weight' in rule) return weightedMean(name, rule.weight, servers);
  const whole = Number(sumOf(valuesOf(rule.whole, servers)));
  const part = Number(sumOf(valuesOf(rule.part, servers)));
  return (whole === 0 ? 0 : part / whole).toFixed(2);
}

function valuesOf(name: string, servers: readonly Parts[]): string[] {
  return servers.flatMap((parts) => parts.get(name) ?? []);
}

function weightedMean(name: string, weightName: string, servers: readonly Parts[]): string {
  let sum = 0;
  let weights = 0;
  for (const parts of servers) {
    const weight = Number(parts.get(weightName) ?? 0);
    sum += Number(parts.get(name) ?? 0) * weight;
    weights += weight;
  }
  return String(weights === 0 ? 0 : Math.round(sum / weights));
}
