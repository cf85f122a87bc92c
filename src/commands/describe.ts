/**
 * The replies of COMMAND and its subcommands, as values: https://redis.io/docs/latest/commands/command/.
 *
 * Shapes are those of a server. Flags, categories and tips are sets and descriptions are maps; the encoder
 * makes arrays of both for RESP2. What only COMMAND DOCS tells is read from data/commands when first asked.
 */
import { globMatches } from '../core/glob.ts';
import { error, type Value } from '../resp/value.ts';
import { Command } from './command.ts';
import { type CommandFact, commandFacts, type FactArgument } from './facts.ts';
import { hasKeys, KeyPositions, keyFlagNames, keysOf } from './keys.ts';
import { type CommandTable, checkArity, UNKNOWN } from './lookup.ts';
import { Category, type CommandSpec, Flag, type KeySpec } from './spec.ts';

type Pair = readonly [Value, Value];

/** The order in which a server names flags; RESP2 clients see it. */
const FLAG_ORDER: readonly (keyof typeof Flag)[] = [
  'write',
  'readonly',
  'denyoom',
  'module',
  'admin',
  'pubsub',
  'noscript',
  'blocking',
  'loading',
  'stale',
  'skip_monitor',
  'skip_slowlog',
  'asking',
  'fast',
  'no_auth',
  'no_mandatory_keys',
  'no_async_loading',
  'no_multi',
  'movablekeys',
  'allow_busy',
];

/** Modules of Redis 8 by the group of their commands: what FILTERBY MODULE asks for. */
const MODULES: Readonly<Record<string, string>> = {
  json: 'ReJSON',
  bloom: 'bf',
  cuckoo: 'bf',
  cms: 'bf',
  topk: 'bf',
  tdigest: 'bf',
  timeseries: 'timeseries',
  search: 'search',
  vectorset: 'vectorset',
};

const HELP: readonly string[] = [
  'COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  '(no subcommand)',
  '    Describe every command.',
  'COUNT',
  '    Tell how many commands there are.',
  'LIST [FILTERBY MODULE <name> | ACLCAT <category> | PATTERN <pattern>]',
  '    Name every command, or those that the filter lets through.',
  'INFO [<command-name> ...]',
  '    Describe the commands named, or every command.',
  'DOCS [<command-name> ...]',
  '    Explain the commands named, or every command.',
  'GETKEYS <full-command>',
  '    Tell which arguments of a command are keys.',
  'GETKEYSANDFLAGS <full-command>',
  '    Tell which arguments of a command are keys and what is done with each.',
  'HELP',
  '    Print this text.',
];

/** Answers COMMAND, whose arity and subcommand have been checked. */
export function describe(table: CommandTable, command: Command): Value {
  if (command.argc < 2) return commandInfo(table, command);
  switch (command.text(1).toLowerCase()) {
    case 'count':
      return table.topLevel().length;
    case 'info':
      return commandInfo(table, command);
    case 'docs':
      return commandDocs(table, command);
    case 'list':
      return commandList(table, command);
    case 'getkeys':
      return commandKeys(table, command, false);
    case 'getkeysandflags':
      return commandKeys(table, command, true);
    case 'help':
      return HELP.map((status) => ({ status }));
    default:
      return error(`ERR unknown subcommand '${command.text(1)}'. Try COMMAND HELP.`);
  }
}

function commandInfo(table: CommandTable, command: Command): Value {
  if (command.argc < 3) return table.topLevel().map(infoOf);
  return names(command, 2).map((name) => {
    const spec = table.specByName(name);
    return spec === undefined ? null : infoOf(spec);
  });
}

function names(command: Command, from: number): string[] {
  return Array.from({ length: Math.max(command.argc - from, 0) }, (_, at) =>
    command.text(from + at),
  );
}

/** One element of the reply of COMMAND INFO. */
export function infoOf(spec: CommandSpec): Value {
  return [
    spec.name,
    spec.arity,
    statuses(FLAG_ORDER.filter((name) => (spec.flags & Flag[name]) !== 0)),
    spec.firstKey,
    spec.lastKey,
    spec.keyStep,
    statuses(categoryNames(spec).map((name) => `@${name}`)),
    { set: spec.tips },
    { set: spec.keySpecs.map(keySpecOf) },
    spec.subcommands === null ? { set: [] } : [...spec.subcommands.values()].map(infoOf),
  ];
}

function statuses(words: readonly string[]): Value {
  return { set: words.map((status) => ({ status })) };
}

export function categoryNames(spec: CommandSpec): string[] {
  return Object.entries(Category)
    .filter(([, bit]) => (spec.categories & bit) !== 0)
    .map(([name]) => name);
}

function keySpecOf(spec: KeySpec): Value {
  const pairs: Pair[] = [
    ['flags', statuses(spec.flags)],
    ['begin_search', { map: beginSearchOf(spec) }],
    ['find_keys', { map: findKeysOf(spec) }],
  ];
  if (spec.notes !== undefined) pairs.unshift(['notes', spec.notes]);
  return { map: pairs };
}

function beginSearchOf({ beginSearch: begin }: KeySpec): Pair[] {
  switch (begin.kind) {
    case 'index':
      return typed(begin.kind, [['index', begin.index]]);
    case 'keyword':
      return typed(begin.kind, [
        ['keyword', begin.keyword],
        ['startfrom', begin.startFrom],
      ]);
    case 'unknown':
      return typed(begin.kind, []);
  }
}

function findKeysOf({ findKeys: find }: KeySpec): Pair[] {
  switch (find.kind) {
    case 'range':
      return typed(find.kind, [
        ['lastkey', find.lastKey],
        ['keystep', find.keyStep],
        ['limit', find.limit],
      ]);
    case 'keynum':
      return typed(find.kind, [
        ['keynumidx', find.keyNumIndex],
        ['firstkey', find.firstKey],
        ['keystep', find.keyStep],
      ]);
    case 'unknown':
      return typed(find.kind, []);
  }
}

function typed(type: string, spec: readonly Pair[]): Pair[] {
  return [
    ['type', type],
    ['spec', { map: spec }],
  ];
}

/** Names that nobody knows are left out, as a server does. */
function commandDocs(table: CommandTable, command: Command): Value {
  const specs =
    command.argc < 3
      ? table.topLevel()
      : names(command, 2)
          .map((name) => table.specByName(name))
          .filter((spec) => spec !== undefined);
  return { map: specs.map((spec): Pair => [spec.name, docsOf(spec)]) };
}

/** One value of the reply of COMMAND DOCS. */
export function docsOf(spec: CommandSpec): Value {
  const fact = commandFacts().get(spec.name);
  const pairs = fact === undefined ? customDocs(spec) : factDocs(fact);
  if (spec.subcommands !== null) {
    const subcommands = [...spec.subcommands.values()];
    pairs.push(['subcommands', { map: subcommands.map((one): Pair => [one.name, docsOf(one)]) }]);
  }
  return { map: pairs };
}

function customDocs(spec: CommandSpec): Pair[] {
  return [
    [
      'summary',
      'A command this listener declares in custom_commands; its first argument is the key.',
    ],
    ['group', spec.group],
  ];
}

function factDocs(fact: CommandFact): Pair[] {
  const module = MODULES[fact.group];
  const pairs: Pair[] = [
    ['summary', fact.summary],
    ['since', fact.since.redis ?? fact.since.valkey ?? fact.since.tidegate ?? ''],
    ['group', module === undefined ? fact.group : 'module'],
  ];
  if (fact.complexity !== undefined) pairs.push(['complexity', fact.complexity]);
  if (module !== undefined) pairs.push(['module', module]);
  const docFlags: string[] = [];
  if (fact.deprecated !== undefined) docFlags.push('deprecated');
  if (fact.system === true) docFlags.push('syscmd');
  if (docFlags.length > 0) pairs.push(['doc_flags', statuses(docFlags)]);
  if (fact.deprecated !== undefined) pairs.push(['deprecated_since', fact.deprecated]);
  if (fact.replacement !== undefined) {
    pairs.push(['replaced_by', fact.replacement.map((name) => `\`${name}\``).join(' ')]);
  }
  if (fact.args !== undefined) pairs.push(['arguments', fact.args.map(argumentOf)]);
  return pairs;
}

function argumentOf(fact: FactArgument): Value {
  const pairs: Pair[] = [
    ['name', fact.name],
    ['type', fact.type],
  ];
  if (fact.key !== undefined) pairs.push(['key_spec_index', fact.key]);
  if (fact.token !== undefined) pairs.push(['token', fact.token]);
  if (fact.since !== undefined) pairs.push(['since', fact.since]);
  if (fact.deprecated !== undefined) pairs.push(['deprecated_since', fact.deprecated]);
  const flags = (['optional', 'multiple', 'multiple_token'] as const).filter((name) => fact[name]);
  if (flags.length > 0) pairs.push(['flags', statuses(flags)]);
  if (fact.args !== undefined) pairs.push(['arguments', fact.args.map(argumentOf)]);
  return { map: pairs };
}

function commandList(table: CommandTable, command: Command): Value {
  const all = table
    .topLevel()
    .flatMap((spec) => [spec, ...(spec.subcommands === null ? [] : spec.subcommands.values())]);
  if (command.argc === 2) return all.map((spec) => spec.name);
  if (command.argc !== 5 || command.text(2).toLowerCase() !== 'filterby') return syntaxError();
  const wanted = command.text(4);
  switch (command.text(3).toLowerCase()) {
    case 'module':
      return all.filter((spec) => MODULES[spec.group] === wanted).map((spec) => spec.name);
    case 'aclcat':
      return all
        .filter((spec) => categoryNames(spec).includes(wanted.toLowerCase()))
        .map((spec) => spec.name);
    case 'pattern':
      return all.filter((spec) => matches(wanted, spec.name)).map((spec) => spec.name);
    default:
      return syntaxError();
  }
}

function syntaxError(): Value {
  return error('ERR syntax error');
}

/** Upper and lower case are one. */
function matches(pattern: string, name: string): boolean {
  const bytes = Buffer.from(name, 'latin1');
  return globMatches(Buffer.from(pattern.toLowerCase(), 'latin1'), bytes, 0, bytes.length);
}

function commandKeys(table: CommandTable, command: Command, withFlags: boolean): Value {
  const inner = innerCommand(command);
  const spec = table.resolve(inner);
  const isFamily = spec !== undefined && spec.subcommands !== null && inner.argc > 1;
  if (spec === undefined || isFamily) return error('ERR Invalid command specified');
  if (!hasKeys(spec)) return error('ERR The command has no key arguments');
  if (!checkArity(spec, inner.argc)) {
    return error('ERR Invalid number of arguments specified for command');
  }
  inner.spec = spec;
  const keys = keysOf(inner, new KeyPositions());
  if (keys.invalid) return error('ERR Invalid arguments specified for command');
  return Array.from({ length: keys.count }, (_, at) => {
    const key = Buffer.from(inner.arg(keys.indexes[at]!));
    return withFlags ? [key, statuses(keyFlagNames(keys.flags[at]!))] : key;
  });
}

/** The command that stands behind COMMAND GETKEYS, in the same bytes. */
function innerCommand(command: Command): Command {
  const inner = new Command(UNKNOWN, command.bytes);
  inner.start = command.start;
  inner.end = command.end;
  inner.argc = Math.max(command.argc - 2, 0);
  inner.offsets = command.offsets.subarray(4, command.argc * 2);
  return inner;
}
