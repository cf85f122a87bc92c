/** A configuration file in, a `Config` or every fault of it with its place out. */
import { dirname, resolve } from 'node:path';
import type { Document } from 'yaml';
import { checkValue } from './check.ts';
import type { Config } from './config.ts';
import type { Fault, Path } from './faults.ts';
import { ConfigError, sortFaults } from './faults.ts';
import { openText } from './places.ts';
import { fileProblem, systemResources } from './resources.ts';

/** A configuration, and where in its file things stand. */
export interface LoadedConfig {
  readonly config: Config;
  /** For faults that only show when the configuration is to be put in force. */
  faultAt(path: Path, reason: string): Fault;
}

/** Relative paths in the file start from its folder. */
export function loadFile(path: string): Config {
  return readConfig(path).config;
}

/** `name` is what faults call the text; its folder is where relative paths start. */
export function loadText(text: string, name: string): Config {
  return parseConfig(text, name).config;
}

/** As `loadFile`. */
export function readConfig(path: string): LoadedConfig {
  const resources = systemResources(dirname(resolve(path)));
  let text: string;
  try {
    text = resources.readText(resolve(path));
  } catch (error) {
    const reason = `cannot be read: ${fileProblem(error)}`;
    throw new ConfigError([{ file: path, line: 0, column: 0, path: '', reason }]);
  }
  return parseConfig(text, path);
}

function parseConfig(text: string, name: string): LoadedConfig {
  const { document, fault, faultOf } = openText(text, name);
  const broken = [...document.errors, ...document.warnings].map((problem) =>
    fault(problem.pos[0], 'yaml', problem.message.replaceAll('\n', ' ')),
  );
  const isShapeless = document.errors.some((error) => error.code !== 'DUPLICATE_KEY');
  // What a broken text was meant to say is a guess; faults about a guess would only distract.
  if (isShapeless) throw new ConfigError(sortFaults(broken));

  const raw = plainValue(document);
  if (raw instanceof Error) throw new ConfigError([fault(0, 'yaml', raw.message)]);
  const checked = checkValue(raw, systemResources(dirname(resolve(name))));
  if (checked.config !== null && broken.length === 0) {
    const faultAt = (path: Path, reason: string): Fault => faultOf({ path, at: 'value', reason });
    return { config: checked.config, faultAt };
  }
  throw new ConfigError(sortFaults([...broken, ...(checked.findings ?? []).map(faultOf)]));
}

/** An error instead of a value: aliases that would multiply without end. */
function plainValue(document: Document.Parsed): unknown {
  try {
    return document.toJS();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
