/**
 * What becomes of commands that a server of a fleet refused, or whose link was lost: carries out what `decide` says.
 */
import type { Sink } from '../backend/backend.ts';
import type { Command } from '../commands/command.ts';
import { UNKNOWN } from '../commands/lookup.ts';
import type { CommandSpec } from '../commands/spec.ts';
import { type LinkError, linkError } from '../resp/errors.ts';
import type { CommandTally } from '../upstream/figures.ts';
import type { Lane } from '../upstream/lane.ts';
import type { Orphan, RefusedCommand } from '../upstream/orphan.ts';
import { Upstream } from '../upstream/upstream.ts';
import type { ClusterNode } from './nodes.ts';
import type { Onward, RefusedLent } from './place.ts';
import {
  decide,
  type Hint,
  pauseMs,
  type RedirectPolicy,
  type RefusalKind,
  type RetryPolicy,
  readHint,
} from './redirect.ts';
import type { Slots } from './slots.ts';
import { Luggage, Trip, type TripSource } from './trip.ts';

export interface RedirectorHost {
  readonly slots: Slots;
  /** The node that a redirection names; null: too many unknown ones were named. */
  meet(host: string, port: number): ClusterNode | null;
  /** The host under which a server is known. */
  hostOf(server: Upstream): string;
  /** The slot of a command of which only the frame is left; -1: none. */
  slotOf(bytes: Buffer, spec: CommandSpec): number;
  /** Who may answer a command of the slot now. */
  placeOf(slot: number, spec: CommandSpec, affinity: number): Upstream | null;
  /** A replica is to be read from, and nothing else. */
  readonly readsReplicasOnly: boolean;
  onMoved(): void;
  /** An error says that the cluster is changing. */
  onTrouble(): void;
}

export class Redirector {
  readonly luggage: Luggage = new Luggage();
  /** Errors that were no answer, whether they could be mended or not. */
  readonly refusals: Record<RefusalKind, number> = {
    moved: 0,
    ask: 0,
    tryagain: 0,
    clusterdown: 0,
    loading: 0,
    masterdown: 0,
    readonly: 0,
  };
  /** Refusals that reached the client. */
  passedOn = 0;
  /** Redirections to hosts nobody knew, of which there were too many. */
  strangersRefused = 0;
  /** Commands that failed because too much was kept already. */
  overflows = 0;
  readonly #host: RedirectorHost;
  readonly #policy: RedirectPolicy;
  readonly #retry: RetryPolicy;
  #isClosed = false;

  constructor(host: RedirectorHost, policy: RedirectPolicy, retry: RetryPolicy) {
    this.#host = host;
    this.#policy = policy;
    this.#retry = retry;
  }

  close(): void {
    this.#isClosed = true;
  }

  hold(command: Command, sink: Sink, slot: number): Trip | null {
    const { bytes, start, end, spec, affinity, database, protocol } = command;
    const sentAt = performance.now();
    const trip = this.#trip({
      ...{ sink, spec, bytes, start, end, affinity, database, protocol, slot, sentAt },
      isFresh: true,
    });
    if (trip === null) {
      this.overflows++;
      sink.fail(OVERFLOW);
    }
    return trip;
  }

  onRefused(server: Upstream, lane: Lane, refusal: RefusedCommand): void {
    const { sink, spec, bytes, text } = refusal;
    const hint = readHint(text, spec);
    const slot =
      hint === null || hint.slot >= 0 ? (hint?.slot ?? -1) : this.#host.slotOf(bytes, spec);
    if (hint === null || slot < 0) {
      if (!this.#heal(server, lane, refusal)) pass(sink, text);
      return;
    }
    this.refusals[hint.kind]++;
    const target = this.#read(hint, server);
    const known = sink instanceof Trip ? sink : null;
    // Its time ran out while it was under way.
    if (known?.isSettled) return;
    const decision = decide(null, this.#refused(hint, target, refusal, known), this.#policy);
    const isLost = target === null && (decision === 'follow' || decision === 'ask');
    const trip =
      decision === 'fail' || isLost || this.#isClosed
        ? null
        : (known ?? this.#depart(refusal, lane, slot));
    if (trip === null) {
      this.passedOn++;
      pass(sink, text);
      return;
    }
    trip.refuse(server, text);
    trip.redirects++;
    if (decision === 'wait') this.#wait(trip, server, hint);
    else this.#go(trip, server, target!.upstream, decision === 'ask');
  }

  /** Not while the slot changes hands: what is sent again would come behind what waits for that to end. */
  #heal(server: Upstream, lane: Lane, refusal: RefusedCommand): boolean {
    const { sink, spec, bytes } = refusal;
    if (spec.script === null || this.#isClosed) return false;
    if (sink instanceof Trip && sink.isSettled) return false;
    const slot = this.#host.slotOf(bytes, spec);
    if (slot >= 0 && this.#host.slots.gateAt(slot) !== null) return false;
    return server.heal(lane, refusal);
  }

  /** What it says of the cluster is heeded here; whether its borrower goes on elsewhere is asked by `onward`. */
  onLentError(server: Upstream, bytes: Buffer, start: number, end: number): void {
    const hint = readHint(bytes.toString('latin1', start + 1, end - 2), UNKNOWN);
    if (hint === null) return;
    this.refusals[hint.kind]++;
    this.#read(hint, server);
  }

  onward({ by, text, ...refused }: RefusedLent): Onward | null {
    const hint = readHint(text, refused.command.spec);
    if (hint === null || !(by instanceof Upstream)) return null;
    const host = hint.host || this.#host.hostOf(by);
    const target = hint.port > 0 ? (this.#host.meet(host, hint.port)?.upstream ?? null) : null;
    const isCircle = target !== null && refused.refusedBy.has(target);
    const decision = decide(null, { hint, isCircle, ...refused }, this.#policy);
    const isLost = target === null && (decision === 'follow' || decision === 'ask');
    if (decision === 'fail' || isLost || this.#isClosed) {
      this.passedOn++;
      return null;
    }
    if (decision !== 'wait') return { target, isAsking: decision === 'ask', pauseMs: 0 };
    const isSame = hint.kind === 'tryagain';
    return {
      target: isSame ? by : null,
      isAsking: isSame && refused.isAsking,
      pauseMs: pauseMs(refused.redirects),
    };
  }

  /** Retries go out first: a sink that fails may ask for something new at once. */
  onOrphans(
    server: Upstream,
    lane: Lane,
    orphans: readonly Orphan[],
    error: LinkError,
    tally: CommandTally,
  ): void {
    const again: Orphan[] = [];
    const elsewhere: (readonly [Trip, Upstream])[] = [];
    const failed: Orphan[] = [];
    for (const orphan of orphans) {
      const isRetried = !this.#isClosed && decide(orphan, error, this.#retry) === 'retry';
      const moved = isRetried ? this.#moved(orphan, server, lane) : null;
      if (moved !== null) elsewhere.push(moved);
      else (isRetried ? again : failed).push(orphan);
    }
    server.figures.retries += again.length + elsewhere.length;
    if (again.length > 0) lane.resend(again, this.#retry.backoffMs);
    for (const [trip, target] of elsewhere) trip.send(target);
    for (const { sink, spec } of failed) {
      tally.row(spec.id).failures++;
      sink.fail(error);
    }
  }

  /** What the error says of the cluster, whatever becomes of the command. Null: it names no node, or one too many. */
  #read(hint: Hint, server: Upstream): ClusterNode | null {
    const { kind, slot, port } = hint;
    if (kind !== 'moved' && kind !== 'ask') {
      if (kind !== 'tryagain') this.#host.onTrouble();
      return null;
    }
    const node = this.#host.meet(hint.host || this.#host.hostOf(server), port);
    if (node === null) this.strangersRefused++;
    else if (kind === 'moved' && node.upstream !== server) this.#host.slots.learn(slot, node);
    if (kind === 'moved') this.#host.onMoved();
    return node;
  }

  #refused(
    hint: Hint,
    target: ClusterNode | null,
    refusal: RefusedCommand,
    known: Trip | null,
  ): Parameters<typeof decide>[1] & { readonly hint: Hint } {
    const isCircle = target !== null && (known?.refusedBy.has(target.upstream) ?? false);
    return {
      hint,
      redirects: known?.redirects ?? 0,
      ageMs: performance.now() - (known?.sentAt ?? refusal.sentAt),
      isCircle,
    };
  }

  /** To the server named; behind its client's earlier commands if those wait. */
  #go(trip: Trip, by: Upstream, target: Upstream, isAsking: boolean): void {
    trip.isAsking = isAsking;
    const gate = this.#host.slots.gateAt(trip.slot);
    const isFirst = trip.onSettled !== null;
    if (isFirst || gate === null || !gate.hasLine(trip.command.affinity)) {
      trip.send(target);
      return;
    }
    trip.next = target;
    gate.wait(trip, by, 0);
  }

  #wait(trip: Trip, by: Upstream, { kind }: Hint): void {
    const { slots, readsReplicasOnly } = this.#host;
    const isSame = kind === 'tryagain' || (readsReplicasOnly && trip.command.spec.isRead);
    trip.next = isSame ? by : null;
    trip.isAsking &&= isSame;
    slots.gateOf(trip.slot, by).wait(trip, by, pauseMs(trip.redirects - 1));
  }

  /** A read whose slot has another server by now, and which one; null: it has not. */
  #moved(orphan: Orphan, server: Upstream, lane: Lane): readonly [Trip, Upstream] | null {
    const { bytes, spec, affinity, sink } = orphan;
    const slot = this.#host.slotOf(bytes, spec);
    const target = slot < 0 ? null : this.#host.placeOf(slot, spec, affinity);
    if (target === null || target === server) return null;
    const trip = sink instanceof Trip ? sink : this.#depart(orphan, lane, slot);
    if (trip === null || trip.isSettled || trip.redirects >= this.#policy.redirectsMax) return null;
    trip.redirects++;
    trip.isAsking = false;
    return [trip, target];
  }

  #depart(orphan: Orphan, lane: Lane, slot: number): Trip | null {
    const { sink, spec, bytes, affinity, sentAt } = orphan;
    const { database, protocol } = lane;
    return this.#trip({
      ...{ sink, spec, bytes, start: 0, end: bytes.length, affinity, database, protocol, slot },
      sentAt,
      isFresh: false,
    });
  }

  #trip(source: TripSource): Trip | null {
    if (!this.luggage.hasRoomFor(source.end - source.start)) return null;
    return new Trip(source, this.luggage, this.#policy.opTimeoutMs);
  }
}

/** Gives the server's error to whoever waits, byte for byte. */
function pass(sink: Sink, text: string): void {
  const bytes = Buffer.from(`-${text}\r\n`, 'latin1');
  sink.reply(bytes, 0, bytes.length);
}

const OVERFLOW = linkError('busy', 'too many commands wait for a change of the cluster');
