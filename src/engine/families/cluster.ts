/** CLUSTER and its like: one server alone has none. */
import { allCommands } from '../../commands/lookup.ts';
import type { Call, Handler } from '../call.ts';

function refuse({ reply }: Call): void {
  reply.error('ERR This instance has cluster support disabled');
}

const NAMES: readonly string[] = allCommands()
  .map(({ name }) => name)
  .filter((name) => name.startsWith('cluster|'));

export const CLUSTER_COMMANDS: Readonly<Record<string, Handler>> = Object.fromEntries(
  [...NAMES, 'asking', 'readonly', 'readwrite'].map((name) => [name, refuse]),
);
