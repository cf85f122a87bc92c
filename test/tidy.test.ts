import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { type Finding, findingsIn, readFiles } from '../scripts/tidy.ts';

const COMMANDS: readonly [string, string] = [
  'data/commands/string.json',
  '{ "mget": {}, "client|list": {} }',
];

/** Lines about a repository of these files and an entry that imports `uses`. */
function judge(files: Readonly<Record<string, string>>, uses: readonly string[] = []): string[] {
  const entry = uses.map((file) => `import '../../${file}';\n`).join('');
  const all = new Map([COMMANDS, ['src/cli/main.ts', entry], ...Object.entries(files)]);
  return findingsIn(all).map(show);
}

function show({ file, line, reason }: Finding): string {
  return `${file}:${line} ${reason}`;
}

test('this repository is tidy', () => {
  const root = path.resolve(import.meta.dirname, '..');
  assert.deepEqual(findingsIn(readFiles(root)).map(show), []);
});

test('an import of a higher level or of a neighbour is found, types included', () => {
  const lines = judge(
    {
      'src/core/a.ts': "\nimport type { B } from '../upstream/b.ts';\n",
      'src/upstream/b.ts': "import '../engine/c.ts';\nimport '../core/a.ts';\n",
      'src/engine/c.ts': "const d = await import('../proxy.ts');\n",
      'src/proxy.ts': '',
    },
    ['src/upstream/b.ts'],
  );
  assert.deepEqual(lines, [
    'src/core/a.ts:2 core may not import upstream, which is above it',
    'src/engine/c.ts:1 engine may not import proxy.ts, which is above it',
    'src/upstream/b.ts:1 upstream may not import engine, which is beside it',
  ]);
});

test('the two named neighbours may, in one direction', () => {
  const files = {
    'src/commands/a.ts': "import '../resp/b.ts';\n",
    'src/resp/b.ts': '',
    'src/admin/c.ts': "import '../http/d.ts';\n",
    'src/http/d.ts': "import '../admin/c.ts';\n",
  };
  assert.deepEqual(judge(files, ['src/commands/a.ts']), [
    'src/http/d.ts:1 http may not import admin, which is beside it',
  ]);
});

test('a folder without a level is found', () => {
  const files = { 'src/misc/a.ts': "import '../core/b.ts';\n", 'src/core/b.ts': '' };
  assert.deepEqual(judge(files, ['src/misc/a.ts']), [
    'src/cli/main.ts:1 misc has no level in scripts/tidy.ts',
    'src/misc/a.ts:1 misc has no level in scripts/tidy.ts',
  ]);
});

test('a file nobody imports is dead, also when only its test does', () => {
  const lines = judge({
    'src/core/a.ts': '',
    'src/core/a.test.ts': "import './a.ts';\n",
    'test/support/b.ts': '',
  });
  assert.deepEqual(lines, [
    'src/core/a.ts:1 is imported by nothing',
    'test/support/b.ts:1 is imported by no test',
  ]);
});

test('tests may import what they like', () => {
  const files = {
    'src/core/a.ts': '',
    'src/core/a.test.ts': "import '../proxy.ts';\n",
    'src/proxy.ts': '',
  };
  assert.deepEqual(judge(files, ['src/core/a.ts', 'src/proxy.ts']), []);
});

test('console, a given-up type and unfinished work are found, comments may speak of the first two', () => {
  const lines = judge(
    {
      'src/core/a.ts': `// console.log, as ${'any'}\nconsole.log(1);\nlet a = 1 as ${'any'};\n// FIX${'ME'}\n`,
    },
    ['src/core/a.ts'],
  );
  assert.deepEqual(lines, [
    'src/core/a.ts:2 console in src; use the log, or cli/say.ts',
    'src/core/a.ts:3 gives up the type',
    'src/core/a.ts:4 unfinished work; open an issue instead',
  ]);
});

test('names of commands are found outside their folder, as literals and in frames', () => {
  const text = "const a = 'MGET';\nconst b = '*1\\r\\n$4\\r\\nMGET\\r\\n';\nconst c = 'LIST';\n";
  const lines = judge({ 'src/core/a.ts': text, 'src/commands/b.ts': text }, [
    'src/core/a.ts',
    'src/commands/b.ts',
  ]);
  assert.deepEqual(lines, [
    'src/core/a.ts:1 names the command MGET; ask src/commands instead',
    'src/core/a.ts:2 names the command MGET; ask src/commands instead',
  ]);
});

test('a file of src with too many lines is found, a generated one is not', () => {
  const long = '\n'.repeat(601);
  const files = { 'src/core/a.ts': long, 'src/commands/table.ts': long };
  assert.deepEqual(judge(files, Object.keys(files)), [
    'src/core/a.ts:601 601 lines, more than 600',
  ]);
});

test('scripts in other languages are found', () => {
  assert.deepEqual(judge({ 'scripts/a.sh': '', 'bench/b.mjs': '', 'scripts/c': '' }), [
    'bench/b.mjs:1 is a script but not TypeScript',
    'scripts/a.sh:1 is a script but not TypeScript',
    'scripts/c:1 is a script but not TypeScript',
  ]);
});

test('a lock file that names a registry or a folder of one machine is found', () => {
  const text = '{\n"resolved": "https://registry.example/a.tgz",\n"version": "file:/home/x"\n}\n';
  assert.deepEqual(judge({ 'package-lock.json': text }), [
    'package-lock.json:2 names a registry; set omit-lockfile-registry-resolved',
    'package-lock.json:3 names a path of one machine',
  ]);
});
