/** What goes wrong while clients work: one misfortune after another, each taken back after a while. */
import { sleep } from '../support/bounded.ts';
import type { FaultyLink } from '../support/faulty-link.ts';
import type { Random } from '../support/random.ts';
import type { TestRedis } from '../support/redis.ts';

export interface Chaos {
  /** Misfortunes by name, for the report. */
  readonly counts: Record<string, number>;
  /** Resolves when the last one is taken back. */
  readonly ended: Promise<void>;
}

export interface Victims {
  readonly servers: readonly TestRedis[];
  readonly links: readonly FaultyLink[];
}

type Misfortune = (random: Random, victims: Victims) => Promise<void>;

const misfortunes: Readonly<Record<string, Misfortune>> = {
  'kill -9': async (random, { servers }) => {
    const server = random.pick(servers);
    await server.kill();
    await sleep(random.between(50, 600));
    await server.start();
  },
  SIGSTOP: async (random, { servers }) => {
    const server = random.pick(servers);
    server.pause();
    await sleep(random.between(20, 900));
    server.resume();
  },
  'cut links': async (random, { links }) => {
    random.pick(links).cut(random.chance(50) ? 'end' : 'reset');
    await sleep(random.between(1, 100));
  },
  'cut inside a reply': (random, { links }) =>
    during(random.pick(links), { cutAfter: random.between(1, 5000) }, random.between(50, 400)),
  'swallow replies': (random, { links }) =>
    during(random.pick(links), { blackhole: 'down' }, random.between(50, 700), true),
  'swallow requests': (random, { links }) =>
    during(random.pick(links), { blackhole: 'up' }, random.between(50, 700), true),
  'refuse connections': (random, { links }) =>
    during(random.pick(links), { refuse: true }, random.between(50, 400), true),
  delay: (random, { links }) =>
    during(random.pick(links), { delayMs: random.between(5, 400) }, random.between(100, 500)),
  throttle: (random, { links }) =>
    during(random.pick(links), { bytesPerSecond: 100_000 }, random.between(100, 500)),
  'byte by byte': (random, { links }) =>
    during(random.pick(links), { split: true }, random.between(50, 300)),
};

/** After bytes were swallowed a connection means nothing any more: it is cut, as a real network would. */
async function during(
  link: FaultyLink,
  faults: Partial<FaultyLink['faults']>,
  ms: number,
  cut = false,
): Promise<void> {
  Object.assign(link.faults, faults);
  if (cut && faults.refuse) link.cut();
  await sleep(ms);
  if (cut) link.cut();
  link.heal();
}

/** Goes on until `isOver`; two misfortunes may overlap. */
export function startChaos(random: Random, victims: Victims, isOver: () => boolean): Chaos {
  const counts: Record<string, number> = {};
  const names = Object.keys(misfortunes);
  const line = async (mine: Victims): Promise<void> => {
    while (!isOver()) {
      const name = random.pick(names);
      counts[name] = (counts[name] ?? 0) + 1;
      await misfortunes[name]?.(random, mine);
      await sleep(random.between(20, 300));
    }
  };
  // One line of misfortune per half of the victims, so that two never restart the same server.
  const half = (index: number): Victims => ({
    servers: victims.servers.filter((_server, at) => at % 2 === index),
    links: victims.links.filter((_link, at) => at % 2 === index),
  });
  const ended = Promise.all([line(half(0)), line(half(1))]).then(() => undefined);
  return { counts, ended };
}
