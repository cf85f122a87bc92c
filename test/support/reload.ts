/** A gateway whose configuration is written again while it runs. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { until } from './bounded.ts';
import { freePort } from './ports.ts';
import { type Section, startTidegate, type TestConfig, type Tidegate } from './tidegate.ts';

/** Doors whose addresses stay from one file to the next. */
export interface Places {
  readonly listen: string;
  readonly admin: string;
}

export async function freePlaces(): Promise<Places> {
  return { listen: `127.0.0.1:${await freePort()}`, admin: `127.0.0.1:${await freePort()}` };
}

/** One listener `main` in front of upstreams of shards; everything else as given. */
export function configAt(
  places: Places,
  upstreams: Readonly<Record<string, Section>>,
  listener: Section = {},
  rest: TestConfig = {},
): TestConfig {
  const [first] = Object.keys(upstreams);
  const routes = [{ prefix: '', upstream: first ?? '' }];
  const kinds = Object.entries(upstreams).map(([name, one]) => [name, { kind: 'shards', ...one }]);
  return {
    listeners: { main: { listen: places.listen, routes, ...listener } },
    upstreams: Object.fromEntries(kinds) as Record<string, Section>,
    admin: { listen: places.admin },
    ...rest,
  };
}

/** Resolves when the admin port is open too. */
export async function startAt(config: TestConfig): Promise<Tidegate> {
  const gate = await startTidegate(config);
  await until(() => isOpen(gate), 'the admin port is open');
  return gate;
}

async function isOpen(gate: Tidegate): Promise<boolean> {
  return await gate.admin('/healthz').then(
    ({ status }) => status === 200,
    () => false,
  );
}

export interface Reloaded {
  readonly status: number;
  readonly body: string;
}

/** Writes the file and asks for a reload. */
export async function reload(
  gate: Tidegate,
  config: TestConfig | string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reloaded> {
  const text = typeof config === 'string' ? config : JSON.stringify(config, null, 2);
  writeFileSync(gate.configFile, text);
  return await gate.admin('/reload', { method: 'POST', headers });
}

/** As `reload`; the file is expected to be taken. */
export async function reloadWell(gate: Tidegate, config: TestConfig): Promise<void> {
  const { status, body } = await reload(gate, config);
  assert.equal(status, 200, body);
}

/** The value of one sample of `/metrics`, given its name and labels; NaN if there is none. */
export async function metric(gate: Tidegate, sample: string): Promise<number> {
  const { body } = await gate.admin('/metrics');
  const line = body.split('\n').find((one) => one.startsWith(`${sample} `));
  return Number(line?.split(' ').at(-1));
}
