/** What a reload may not do to an engine that runs: leave its data behind. */
import type { Config } from './config.ts';
import type { Path } from './faults.ts';

export interface RefusedChange {
  readonly path: Path;
  readonly reason: string;
}

/** Empty: nothing is lost. */
export function lossesBetween(before: Config, after: Config): RefusedChange[] {
  return Object.entries(before.upstreams).flatMap(([name, { embedded }]): RefusedChange[] => {
    if (embedded === null) return [];
    const path = ['upstreams', name];
    const next = after.upstreams[name];
    if (next === undefined) {
      const reason = `${name} is missing, and its engine holds data: it goes with a restart only`;
      return [{ path: ['upstreams'], reason }];
    }
    if (next.embedded === null) {
      const reason = `found ${next.kind}, running embedded: the engine holds data, and goes with a restart only`;
      return [{ path: [...path, 'kind'], reason }];
    }
    const { dir, databases } = next.embedded;
    const moved = `found ${dir ?? 'nothing'}, running ${embedded.dir ?? 'in memory only'}: the data would be left behind; it changes with a restart only`;
    const counted = `found ${databases}, running ${embedded.databases}: it changes with a restart only`;
    return [
      ...(dir === embedded.dir ? [] : [{ path: [...path, 'dir'], reason: moved }]),
      ...(databases === embedded.databases
        ? []
        : [{ path: [...path, 'databases'], reason: counted }]),
    ];
  });
}
