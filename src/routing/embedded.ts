/** The engine in this process as an upstream: `kind: embedded`. One server with every key, always there. */
import type { Backend } from '../backend/backend.ts';
import { Engine, type EngineOptions } from '../engine/engine.ts';
import type { OwnedGroup } from './group.ts';

export class Embedded implements OwnedGroup {
  readonly name: string;
  readonly engine: Engine;
  readonly isReady = true;
  readonly isIdle = true;
  readonly #all: readonly Backend[];

  constructor(name: string, options: EngineOptions) {
    this.name = name;
    this.engine = new Engine(options);
    this.#all = [this.engine];
  }

  get only(): Backend {
    return this.engine;
  }

  serverOf(): Backend {
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
