/**
 * One child process of a test: its output, its end, its signals.
 *
 * Only processes started here are ever signalled, by the handle that started them; whatever happens to
 * the test file, none of them outlives it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { within } from './bounded.ts';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const living = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});
// A signal would end this process without `exit`, and leave the children behind.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => process.exit(1));
}

export class TestProcess {
  readonly pid: number;
  /** Everything written so far, as latin1. */
  stdout = '';
  stderr = '';
  exit: Exit | null = null;
  /** Settles when the process has ended and its output is complete. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #name: string;

  constructor(command: string, args: readonly string[], options: ProcessOptions = {}) {
    const { NODE_TEST_CONTEXT: _ours, NODE_OPTIONS: _theirs, ...environment } = process.env;
    this.#name = `${command} ${args.join(' ')}`;
    this.#child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: options.cwd ?? process.cwd(),
      env: { ...environment, ...options.env },
    });
    living.add(this.#child);
    this.pid = this.#child.pid ?? -1;
    this.#child.stdout?.setEncoding('latin1').on('data', (text: string) => {
      this.stdout += text;
    });
    this.#child.stderr?.setEncoding('latin1').on('data', (text: string) => {
      this.stderr += text;
    });
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => {
        living.delete(this.#child);
        this.exit = { code, signal };
        resolve(this.exit);
      });
    });
    // A failed spawn is reported to whoever awaits `exited`; nobody has to.
    this.exited.catch(() => living.delete(this.#child));
  }

  /** Sends a signal; does nothing when the process has ended. */
  signal(signal: NodeJS.Signals): void {
    if (this.exit === null) this.#child.kill(signal);
  }

  /** Waits for the end, for at most `limitMs`. */
  ended(limitMs = 10_000): Promise<Exit> {
    return within(this.exited, limitMs, `end of ${this.#name}\n${this.output()}`);
  }

  output(): string {
    return `--- stdout\n${this.stdout}\n--- stderr\n${this.stderr}`;
  }

  /** Ends it at once; a stopped process dies of SIGKILL too. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.exit === null) this.#child.kill('SIGKILL');
    await this.exited.catch(() => null);
  }
}

export interface ProcessOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program to its end. */
export async function run(
  command: string,
  args: readonly string[],
  options: ProcessOptions & { readonly limitMs?: number } = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  await using child = new TestProcess(command, args, options);
  const { code } = await child.ended(options.limitMs ?? 20_000);
  return { code, stdout: child.stdout, stderr: child.stderr };
}
