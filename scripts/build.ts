/**
 * `npm run build`: dist/, the JavaScript that is published. Node refuses to strip types below node_modules,
 * so what is installed must be JavaScript already; nothing is bundled.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '..');
const OUTPUT = path.join(ROOT, 'dist');
const COMMAND = path.join(OUTPUT, 'cli/main.js');
const SHEBANG = '#!/usr/bin/env node\n';
const EXECUTABLE = 0o755;

process.exitCode = build();

function build(): number {
  // What a file that is gone left behind must not be published.
  rmSync(OUTPUT, { recursive: true, force: true });
  const compiler = path.join(packageFolder('typescript'), 'bin/tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (status !== 0) return 1;
  if (!readFileSync(COMMAND, 'utf8').startsWith(SHEBANG)) {
    console.error(`${COMMAND} does not start with ${SHEBANG.trim()}`);
    return 1;
  }
  chmodSync(COMMAND, EXECUTABLE);
  return 0;
}

function packageFolder(name: string): string {
  return path.dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
}
