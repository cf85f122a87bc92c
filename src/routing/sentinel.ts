/**
 * One primary and its replicas, watched by Sentinels: `kind: sentinel`.
 *
 *   command ─▶ Seat ─▶ the primary                      (a fleet with one slot for everything)
 *                └───▶ Gate, while the primary changes
 *   +switch-master, time, failures, READONLY ─▶ Survey ─▶ vote ─▶ ROLE ─▶ adopted
 *
 * To clients it is one server: any keys go together, databases exist, there are no slots. Whoever the Sentinels name is
 * asked itself, by ROLE, before clients are sent there. Commands of one client take effect in the order in which they
 * were sent, through changes of the primary: see gate.ts. Reads that replicas may answer are not part of that order.
 */
import type { Backend, Lease, LeaseHolder, Refusal, Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { specByName } from '../commands/lookup.ts';
import { role } from '../commands/own.ts';
import type { CommandSpec } from '../commands/spec.ts';
import type { Log } from '../core/log.ts';
import type { Tick } from '../core/tick.ts';
import { linkError } from '../resp/errors.ts';
import { textOf } from '../resp/value.ts';
import type { Address } from '../upstream/dial.ts';
import { CommandTally } from '../upstream/figures.ts';
import { Upstream, type UpstreamOptions, type UpstreamOwner } from '../upstream/upstream.ts';
import { ask } from './ask.ts';
import { Fleet, type FleetOptions } from './fleet.ts';
import type { OwnedGroup } from './group.ts';
import { mayHintAlone } from './redirect.ts';
import { Sentinels } from './sentinels.ts';
import { Survey } from './survey.ts';
import { nodeKey, type TopologyNode } from './topology.ts';
import type { Verdict } from './vote.ts';

export interface SentinelOptions extends FleetOptions {
  readonly seeds: readonly Address[];
  /** What the Sentinels call it. */
  readonly service: string;
  /** What a link to a Sentinel is told. */
  readonly sentinelOptionsOf: (address: Address, name: string) => UpstreamOptions;
}

/** An error that speaks of another role makes the map doubtful for so long. */
const DOUBT_MS = 1000;
/** All there is. */
const SLOT = 0;

type Role = 'primary' | 'replica' | 'unknown';

export class Sentinel implements OwnedGroup {
  readonly name: string;
  readonly tally: CommandTally;
  readonly fleet: Fleet;
  readonly survey: Survey<Verdict>;
  readonly inquiry: Sentinels;
  readonly only: Backend;
  readonly #timeoutMs: number;
  readonly #log: Log;
  /** For what has no key: the primary alone. */
  readonly #primary: Backend;
  readonly #alone: readonly Backend[];
  #doubtedAt = -Infinity;

  constructor(options: SentinelOptions, tick: Tick, log: Log) {
    this.name = options.name;
    this.#timeoutMs = options.topology.timeoutMs;
    this.#log = log;
    this.fleet = this.#makeFleet(options, tick);
    this.tally = this.fleet.tally;
    this.only = new Seat(this.fleet, this.fleet.readsElsewhere);
    this.#primary = this.fleet.readsElsewhere ? new Seat(this.fleet, false) : this.only;
    this.#alone = [this.#primary];
    this.survey = new Survey(options.topology, {
      inquire: (isOver) => this.#inquire(isOver),
      adopt: (verdict) => this.#adopt(verdict),
      isBroken: () => this.fleet.isBroken || performance.now() - this.#doubtedAt < DOUBT_MS,
      onNothing: () => this.fleet.giveUp(),
    });
    this.inquiry = this.#makeSentinels(options, tick);
    this.survey.request();
  }

  serverOf(): Backend {
    return this.only;
  }

  any(): Backend {
    return this.#primary;
  }

  homeOf(): Upstream | null {
    return this.fleet.ownerOf(SLOT);
  }

  onChange(listener: () => void): () => void {
    return this.fleet.onChange(listener);
  }

  refresh(): void {
    this.survey.request();
  }

  primaries(): readonly Backend[] {
    return this.#alone;
  }

  nodes(): readonly Backend[] {
    const [, ...replicas] = this.fleet.members();
    return [this.#primary, ...replicas];
  }

  /** A replica nobody reads from has no say, or one that hangs would make everybody wait. */
  reachable(): readonly Backend[] {
    return [this.#primary, ...this.fleet.readers()];
  }

  get isReady(): boolean {
    return this.fleet.isReady;
  }

  get isIdle(): boolean {
    return this.fleet.isIdle;
  }

  async close(): Promise<void> {
    this.survey.close();
    this.inquiry.close();
    await this.fleet.close();
  }

  #makeFleet(options: SentinelOptions, tick: Tick): Fleet {
    const host = {
      slotCount: 1,
      slotOf: () => SLOT,
      mends: mayHintAlone,
      onMoved: () => {},
      onTrouble: () => {
        this.#doubtedAt = performance.now();
        this.survey.request();
      },
      onFailure: () => this.survey.onFailure(),
    };
    return new Fleet(options, host, tick, this.#log);
  }

  #makeSentinels(options: SentinelOptions, tick: Tick): Sentinels {
    const { name, service, seeds, topology, sentinelOptionsOf } = options;
    // Apart from that of commands: clients have not asked these.
    const tally = new CommandTally();
    const connect = (address: Address): Upstream => {
      const key = address.kind === 'tcp' ? nodeKey(address) : address.path;
      return new Upstream(sentinelOptionsOf(address, key), NOBODY, tick, tally, this.#log);
    };
    const host = { onSwitch: () => this.survey.hurry(), onHint: () => this.survey.request() };
    const asked = { name, service, seeds, timeoutMs: topology.timeoutMs, connect };
    return new Sentinels(asked, host, this.#log);
  }

  async #inquire(isOver: () => boolean): Promise<Verdict | null> {
    const owner = this.fleet.slots.owners[SLOT]!;
    const verdict = await this.inquiry.settle(owner?.key ?? null);
    if (verdict === null || isOver()) return null;
    const { primary, isByAll } = verdict;
    const named = nodeKey(primary);
    if (owner?.key === named) return verdict;
    const fields = { upstream: this.name, named, instead: owner?.key ?? null };
    if (owner !== null && !isByAll && (await this.#roleOf(owner.upstream)) !== 'replica') {
      this.#log.warn(fields, 'too few of all Sentinels name another primary');
      return null;
    }
    if ((await this.#roleAt(primary)) === 'primary') return verdict;
    this.#log.warn(fields, 'whom the Sentinels name does not say that it is primary');
    return null;
  }

  /** Over the links there are, if there are any. */
  async #roleAt(place: TopologyNode): Promise<Role> {
    const known = this.fleet.nodes.find(place);
    if (known !== undefined) return await this.#roleOf(known.upstream);
    const upstream = this.fleet.connect({ kind: 'tcp', ...place });
    const found = await this.#roleOf(upstream);
    await upstream.close();
    return found;
  }

  async #roleOf(server: Upstream): Promise<Role> {
    try {
      const answer = await ask(server.ownLane(), ROLE, ROLE_SPEC, this.#timeoutMs);
      const word = Array.isArray(answer) ? textOf(answer[0] ?? null) : null;
      if (word === 'master') return 'primary';
      return word === 'slave' ? 'replica' : 'unknown';
    } catch {
      return 'unknown';
    }
  }

  #adopt({ primary, replicas, sentinels }: Verdict): void {
    const { slots } = this.fleet;
    const before = slots.owners[SLOT]!;
    const named = nodeKey(primary);
    this.fleet.adopt([{ primary, replicas }], (listed) => slots.assign(SLOT, listed.get(named)!));
    if (before?.key !== named) {
      this.#doubtedAt = -Infinity;
      const fields = { upstream: this.name, primary: named, before: before?.key ?? null };
      if (before === null) this.#log.info(fields, 'primary found');
      else this.#log.warn(fields, 'the primary has changed');
      // Whoever waits at the old one would wait for ever, and what a transaction wrote there would be lost.
      before?.upstream.recall();
    }
    if (this.inquiry.keep(sentinels)) this.survey.request();
  }
}

/** Whichever server is primary, or with `readsElsewhere` who answers for it: the same object through all changes. */
class Seat implements Backend {
  readonly #fleet: Fleet;
  readonly #readsElsewhere: boolean;

  constructor(fleet: Fleet, readsElsewhere: boolean) {
    this.#fleet = fleet;
    this.#readsElsewhere = readsElsewhere;
  }

  dispatch(command: Command, sink: Sink): void {
    const server = this.#readsElsewhere
      ? this.#fleet.backendOf(SLOT, command)
      : this.#fleet.slots.entries[SLOT]!;
    if (server === null) sink.fail(NO_HOST);
    else server.dispatch(command, sink);
  }

  /** See `Upstream.dispatchBeside`. */
  dispatchBeside(command: Command, sink: Sink): void {
    const server = this.#fleet.ownerOf(SLOT);
    if (server === null) sink.fail(NO_HOST);
    else server.dispatchBeside(command, sink);
  }

  lease(command: Command, holder: LeaseHolder): Lease | Refusal {
    return this.#fleet.ownerOf(SLOT)?.lease(command, holder) ?? NO_HOST;
  }

  async close(): Promise<void> {
    // The fleet closes its servers.
  }
}

/** What Sentinels are asked is asked again soon anyway. */
const NOBODY: UpstreamOwner = {
  onOrphans: (_server, _lane, orphans, error) => {
    for (const { sink } of orphans) sink.fail(error);
  },
  mends: () => false,
  onRefused: () => {},
  onLentError: () => {},
  onFailure: () => {},
  onAlive: () => {},
};

const ROLE: Buffer = role();
const ROLE_SPEC: CommandSpec = specByName('role')!;
const NO_HOST = linkError('no_host', 'no primary is known');
