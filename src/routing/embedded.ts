/** The engine in this process as an upstream: `kind: embedded`. One server with every key, always there. */
import type { Backend } from '../backend/backend.ts';
import type { Log } from '../core/log.ts';
import type { Tick } from '../core/tick.ts';
import { Engine } from '../engine/engine.ts';
import type { FsyncPolicy } from '../engine/persist/append-log.ts';
import type { OwnedGroup, Source } from './group.ts';

export interface EmbeddedOptions {
  readonly name: string;
  readonly databases: number;
  /** Null: memory only. */
  readonly dir: string | null;
  readonly fsync: FsyncPolicy;
  /** Parameters under the names of redis.conf. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Default: the clock of the machine. */
  readonly clock?: () => number;
}

export class Embedded implements OwnedGroup {
  readonly name: string;
  readonly engine: Engine;
  readonly isReady = true;
  /** There is nobody to wait for: a command is answered before it has gone. */
  readonly isIdle = true;
  readonly #all: readonly Source[];
  #options: EmbeddedOptions;

  /** Loads what is in `dir`; throws when that is damaged. `fail`: what is written cannot be kept any more. */
  constructor(options: EmbeddedOptions, tick: Tick, log: Log, fail: (reason: string) => void) {
    const { name, databases, dir, fsync, parameters, clock } = options;
    this.name = name;
    this.#options = options;
    this.engine = new Engine({
      databases,
      ...(clock === undefined ? {} : { clock }),
      ...(dir === null
        ? {}
        : {
            persistence: {
              dir,
              fsync,
              schedule: (target) => tick.markUpstream(target),
              info: (fields, message) => log.info({ upstream: name, ...fields }, message),
              warn: (fields, message) => log.warn({ upstream: name, ...fields }, message),
              fail: (error) => fail(`upstream ${name}: ${error.message}`),
            },
          }),
    });
    this.#all = [this.engine];
    this.engine.config.show('databases', String(databases));
    const fault = this.engine.config.set([...Object.entries(parameters), ['appendfsync', fsync]]);
    if (fault !== null) throw new Error(fault);
  }

  get only(): Backend {
    return this.engine;
  }

  /** Takes over what differs from the options before, and leaves what clients have set otherwise. `dir` stays. */
  configure(options: EmbeddedOptions): void {
    const before = this.#options;
    this.#options = options;
    const wanted: [string, string][] = Object.entries({
      ...options.parameters,
      appendfsync: options.fsync,
    });
    const known: Readonly<Record<string, string>> = {
      ...before.parameters,
      appendfsync: before.fsync,
    };
    this.engine.config.set(wanted.filter(([name, value]) => known[name] !== value));
  }

  serverOf(): Backend {
    return this.engine;
  }

  homeOf(): Source {
    return this.engine;
  }

  any(): Backend {
    return this.engine;
  }

  primaries(): readonly Backend[] {
    return this.#all;
  }

  nodes(): readonly Backend[] {
    return this.#all;
  }

  close(): Promise<void> {
    return this.engine.close();
  }
}
