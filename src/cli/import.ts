/** `tidegate import FILE`: the configuration of an Envoy as one of ours, and what could not be taken over. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { importBootstrap, NoBootstrap } from '../config/envoy/bootstrap.ts';
import { ConfigError, formatFault, sortFaults } from '../config/faults.ts';
import { loadText } from '../config/load.ts';
import { openText } from '../config/places.ts';
import { fileProblem } from '../config/resources.ts';
import { MISUSED, STOPPED } from './exit-codes.ts';
import { sayError, sayFaults } from './say.ts';

const HEADER =
  '# Written by tidegate import; what it could not take over was told on standard error.\n';

export function importFile(file: string): number {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    sayError(`${file}: cannot be read: ${fileProblem(error)}`);
    return MISUSED;
  }
  const { document, fault, faultOf } = openText(text, file);
  const [broken] = document.errors;
  if (broken !== undefined) {
    sayFaults(formatFault(fault(broken.pos[0], 'yaml', broken.message)), process.stderr);
    return MISUSED;
  }
  try {
    const { config, notes } = importBootstrap(document.toJS());
    const written = `${HEADER}${stringify(config, { lineWidth: 0, aliasDuplicateObjects: false })}`;
    process.stdout.write(written);
    const told = notes.map(({ path: where, text: reason }) =>
      faultOf({ path: where, at: 'key', reason }),
    );
    for (const each of sortFaults(told)) sayFaults(formatFault(each), process.stderr);
    sayWhatIsLeft(written, file);
    return STOPPED;
  } catch (error) {
    if (!(error instanceof NoBootstrap)) throw error;
    sayError(`${file}: ${error.message}`);
    return MISUSED;
  }
}

/** What `check` will say: files to be made, features of a later version. */
function sayWhatIsLeft(written: string, file: string): void {
  try {
    loadText(written, path.join(path.dirname(file), 'the-file-written.yaml'));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const { path: where, reason } of error.faults) {
      sayFaults(`the file written, ${where}: ${reason}`, process.stderr);
    }
  }
}
