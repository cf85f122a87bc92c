/** `tidegate check FILE`: says every fault of a file, or that there is none. */
import { ConfigError } from '../config/faults.ts';
import { loadFile } from '../config/load.ts';
import { MISUSED, STOPPED } from './exit-codes.ts';
import { sayFaults } from './say.ts';

export function check(file: string): number {
  try {
    loadFile(file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // The faults are what was asked for, so they go where answers go.
    sayFaults(error.message, process.stdout);
    return MISUSED;
  }
  sayFaults(`${file}: ok`, process.stdout);
  return STOPPED;
}
