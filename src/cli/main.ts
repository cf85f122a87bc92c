#!/usr/bin/env node
/**
 * The command `tidegate`. Compiled code is kept between starts, because a gateway should answer before
 * anyone notices that it was started: `check` of a small file from source takes 90 ms instead of 200.
 * The cache lies beside the code and so is as trustworthy; in a shared temporary folder, where Node would
 * put it, another user could leave code for us. A folder that cannot be written only costs the time.
 *
 * Everything else is imported after that line, and by each command only what it needs.
 */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/tidegate', import.meta.url)));

const { run } = await import('./program.ts');
process.exit(await run(process.argv.slice(2)));
