/**
 * `npm run tidy`, and a test: rules of this repository that neither the compiler nor the linter knows.
 * Prints each finding as `file:line reason` and exits with 1 when there is one.
 */
import { globSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/**
 * What may import what: a file of src/ imports its own folder and lower rows, never a neighbour in its row.
 * Tests, bench and scripts import anything.
 */
const LEVELS: readonly (readonly string[])[] = [
  ['core', 'version.ts'],
  ['resp', 'commands'],
  ['backend'],
  ['upstream', 'engine'],
  ['routing', 'cache'],
  ['session', 'http', 'functions', 'admin'],
  ['gateway', 'plugins'],
  ['config'],
  ['worker.ts', 'library.ts'],
  ['workers'],
  ['proxy.ts'],
  ['cli', 'index.ts'],
];
/** Neighbours that may: importer, imported. */
const NEIGHBOURS: readonly (readonly [string, string])[] = [
  ['commands', 'resp'],
  ['admin', 'http'],
];

/** Where things start, so nobody has to import them. */
const ENTRIES: readonly string[] = [
  'src/cli/main.ts',
  'src/index.ts',
  'src/library.ts',
  'src/admin/page/app.ts',
];
const GENERATED: readonly string[] = ['src/commands/table.ts'];
/** Where names of commands belong. */
const NAMED_IN: readonly string[] = ['src/commands/', 'src/engine/families/'];
/** Where HTTP is spoken, one of its methods is no command. */
const HTTP_IN: readonly string[] = ['src/admin/', 'src/http/', 'src/gateway/'];
const HTTP_METHODS: readonly string[] = ['GET'];
const LINES_MAX = 600;
const FOREIGN_SCRIPT = /\.(sh|bash|js|mjs|cjs|py|pl|rb)$/;
const IGNORED = ['node_modules', 'dist', 'coverage', '.git', '.ci'];
// In two halves, so that this file does not find itself.
const UNFINISHED = new RegExp(`\\b${'FIX'}${'ME'}\\b`);
const UNTYPED = new RegExp(`\\bas ${'any'}\\b`);

export interface Finding {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly reason: string;
}

/** Text by path from the root, `/` between folders. */
export type Files = ReadonlyMap<string, string>;

export function findingsIn(files: Files): Finding[] {
  const names = commandNames(files);
  const findings = [...files].flatMap(([file, text]) => [
    ...findingsOfLines(file, text, names),
    ...foreignScript(file),
    ...(file.startsWith('src/') && !isTest(file) ? levelFindings(file, text) : []),
  ]);
  return [...findings, ...deadFiles(files)].sort(
    (a, b) => a.file.localeCompare(b.file) || a.line - b.line,
  );
}

function findingsOfLines(file: string, text: string, names: ReadonlySet<string>): Finding[] {
  const lines = text.split('\n');
  if (file === 'package-lock.json') return eachLine(file, lines, lockFault);
  if (!file.endsWith('.ts')) return [];
  const isSource = file.startsWith('src/') && !isTest(file);
  const mayName = !isSource || NAMED_IN.some((folder) => file.startsWith(folder));
  const speaksHttp = HTTP_IN.some((folder) => file.startsWith(folder));
  const found = eachLine(file, lines, (line, isComment) => {
    if (UNFINISHED.test(line)) return 'unfinished work; open an issue instead';
    if (isComment) return null;
    if (UNTYPED.test(line)) return 'gives up the type';
    if (isSource && /\bconsole\./.test(line)) return 'console in src; use the log, or cli/say.ts';
    const name = mayName ? undefined : commandNamed(line, names);
    if (name !== undefined && HTTP_METHODS.includes(name) && speaksHttp) return null;
    return name === undefined ? null : `names the command ${name}; ask src/commands instead`;
  });
  const count = lines.length - 1;
  if (isSource && count > LINES_MAX && !GENERATED.includes(file)) {
    found.push({ file, line: LINES_MAX + 1, reason: `${count} lines, more than ${LINES_MAX}` });
  }
  return found;
}

function eachLine(
  file: string,
  lines: readonly string[],
  judge: (line: string, isComment: boolean) => string | null,
): Finding[] {
  return lines.flatMap((line, i): Finding[] => {
    const reason = judge(line, /^\s*(\/\/|\/?\*)/.test(line));
    return reason === null ? [] : [{ file, line: i + 1, reason }];
  });
}

/** A lock file that names a registry or a folder of one machine works only there. */
function lockFault(line: string): string | null {
  if (/"resolved":\s*"(https?|git)/.test(line))
    return 'names a registry; set omit-lockfile-registry-resolved';
  return /"(file:)?(\/|[A-Za-z]:\\)/.test(line) ? 'names a path of one machine' : null;
}

/** A whole literal, or a part of a frame written by hand. */
function commandNamed(line: string, names: ReadonlySet<string>): string | undefined {
  const words = line.matchAll(/(['"])([A-Z]+)\1|\\n([A-Z]+)\\r/g);
  return [...words].map((match) => match[2] ?? match[3] ?? '').find((word) => names.has(word));
}

/** Upper case; containers only, because a subcommand alone is an ordinary word. */
function commandNames(files: Files): ReadonlySet<string> {
  const lists = [...files].filter(([file]) => /^data\/commands\/.*\.json$/.test(file));
  const names = lists.flatMap(([, text]) => Object.keys(JSON.parse(text) as object));
  return new Set(names.filter((name) => /^[a-z]+$/.test(name)).map((name) => name.toUpperCase()));
}

/** A tour of a client of another language is written in that language. */
const TOURS = /^test\/peers\/languages\//;

function foreignScript(file: string): Finding[] {
  if (TOURS.test(file)) return [];
  const isForeign = FOREIGN_SCRIPT.test(file) || /^scripts\/(?!.*\.ts$)/.test(file);
  return isForeign ? [{ file, line: 1, reason: 'is a script but not TypeScript' }] : [];
}

function levelFindings(file: string, text: string): Finding[] {
  return importsOf(file, text).flatMap(({ target, line }): Finding[] => {
    const reason = target.startsWith('src/') ? levelFault(unitOf(file), unitOf(target)) : null;
    return reason === null ? [] : [{ file, line, reason }];
  });
}

/** Folder below src/, or the file itself where it lies there. */
function unitOf(file: string): string {
  return file.split('/')[1] ?? '';
}

function levelFault(importer: string, imported: string): string | null {
  if (importer === imported) return null;
  const from = LEVELS.findIndex((level) => level.includes(importer));
  const to = LEVELS.findIndex((level) => level.includes(imported));
  if (from === -1) return `${importer} has no level in scripts/tidy.ts`;
  if (to === -1) return `${imported} has no level in scripts/tidy.ts`;
  if (to < from) return null;
  if (NEIGHBOURS.some(([a, b]) => a === importer && b === imported)) return null;
  return `${importer} may not import ${imported}, which is ${to === from ? 'beside' : 'above'} it`;
}

interface Import {
  readonly target: string;
  readonly line: number;
}

/** Every quoted `./x.ts`: imports of all kinds, and files handed to `new URL` or a worker. */
function importsOf(file: string, text: string): Import[] {
  return [...text.matchAll(/['"](\.{1,2}\/[^'"\n]+\.ts)['"]/g)].map((match) => ({
    target: path.posix.join(path.posix.dirname(file), match[1]!),
    line: text.slice(0, match.index).split('\n').length,
  }));
}

/** A file of src/ that only tests use is dead too. */
function deadFiles(files: Files): Finding[] {
  const used = new Set(ENTRIES);
  const usedByTests = new Set<string>();
  for (const [file, text] of files) {
    if (!file.endsWith('.ts')) continue;
    for (const { target } of importsOf(file, text)) (isTest(file) ? usedByTests : used).add(target);
  }
  return [...files.keys()].flatMap((file): Finding[] => {
    const isCode = file.endsWith('.ts') && !file.endsWith('.test.ts');
    if (!isCode || used.has(file)) return [];
    if (file.startsWith('src/')) return [{ file, line: 1, reason: 'is imported by nothing' }];
    const isDead = file.startsWith('test/') && !usedByTests.has(file);
    return isDead ? [{ file, line: 1, reason: 'is imported by no test' }] : [];
  });
}

function isTest(file: string): boolean {
  return file.startsWith('test/') || file.endsWith('.test.ts');
}

/** Everything somebody wrote. */
export function readFiles(root: string): Files {
  const exclude = (name: string): boolean => IGNORED.includes(path.basename(name));
  const files = globSync(['**/*', '.*'], { cwd: root, exclude })
    .map((file) => file.replaceAll(path.sep, '/'))
    .filter((file) => statSync(path.join(root, file)).isFile())
    .filter(
      (file) =>
        /\.(ts|json)$/.test(file) || FOREIGN_SCRIPT.test(file) || file.startsWith('scripts/'),
    );
  return new Map(files.map((file) => [file, readFileSync(path.join(root, file), 'utf8')]));
}

if (import.meta.main) {
  const findings = findingsIn(readFiles(path.resolve(import.meta.dirname, '..')));
  for (const { file, line, reason } of findings) console.log(`${file}:${line} ${reason}`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}
