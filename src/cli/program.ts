/** What can be typed. Commands live in files of their own, imported when they are wanted. */
import { Command, CommanderError, Option } from 'commander';
import { VERSION } from '../version.ts';
import { MISUSED, STOPPED } from './exit-codes.ts';
import { sayError } from './say.ts';
import type { ServeOptions } from './serve.ts';

const EXIT_CODES = `
Exit codes:
  0    stopped on request
  1    failed at run time
  2    wrong arguments or configuration
  130  ended by a second signal, without waiting for what was under way`;

/** Resolves to the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  let code = STOPPED;
  const program = describeProgram((result) => {
    code = result;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Asking for help or the version is no mistake; commander calls both an error with code 0.
    return error.exitCode === 0 ? STOPPED : MISUSED;
  }
}

function describeProgram(end: (code: number) => void): Command {
  const program = new Command('tidegate')
    .description('A gateway in front of Redis.')
    .version(VERSION, '-v, --version')
    .addHelpText('after', EXIT_CODES)
    .configureOutput({ outputError: (text) => sayError(text.replace(/^error: /, '')) })
    .exitOverride();
  describeServe(program, end);
  program
    .command('check')
    .description('check a configuration; exit 2 with one line per fault')
    .argument('<file>', 'the configuration')
    .action(async (file: string) => {
      const { check } = await import('./check.ts');
      end(check(file));
    });
  program
    .command('import')
    .description(
      'take over the bootstrap of an Envoy with redis_proxy: prints our configuration, and on standard error what has no equivalent',
    )
    .argument('<file>', 'YAML or JSON')
    .action(async (file: string) => {
      const { importFile } = await import('./import.ts');
      end(importFile(file));
    });
  return program;
}

function describeServe(program: Command, end: (code: number) => void): void {
  const later = (flags: string): Option => new Option(flags).hideHelp();
  program
    .command('serve')
    .description(
      'run the gateway until SIGTERM or SIGINT; a second one ends it at once; SIGHUP reloads. ' +
        'Without a file or servers: a Redis in this process, in memory',
    )
    .option('-c, --config <file>', 'configuration (docs/config.md)')
    .option(
      '-u, --upstream <servers>',
      'without a file: host:port[,host:port…] that share the keys',
    )
    .option('--cluster <servers>', 'without a file: host:port[,host:port…] of a Redis Cluster')
    .option(
      '--sentinel <service>',
      'without a file: name@host:port[,host:port…], what Sentinels call a primary, and where they are',
    )
    .option('-l, --listen <address>', 'without a file: where clients connect (127.0.0.1:6380)')
    .option('--admin <address>', 'without a file: admin port (127.0.0.1:9901)')
    .option('--workers <number>', 'without a file: event loops, or auto (1)')
    .option('--log-level <level>', 'without a file: debug, info, warn or error (info)')
    .addOption(later('--http <address>'))
    .addHelpText('after', EXIT_CODES)
    .action(async (options: ServeOptions) => {
      const { serve } = await import('./serve.ts');
      end(await serve(options));
    });
}
