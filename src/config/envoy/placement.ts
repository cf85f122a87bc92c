/** Where keys go: what must be the same, or the data is not found again. */
import type { Message } from './message.ts';
import { type Section, typedConfig } from './values.ts';

interface Placed {
  readonly hashKey: string | null;
}

const MAGLEV_TABLE_SIZE = 65_537;
const MINIMUM_RING_SIZE = 1024;
const PANIC_PERCENT = 50;
const HASHES: Readonly<Record<string, string>> = {
  XX_HASH: 'xxhash64',
  MURMUR_HASH_2: 'murmur2',
  DEFAULT_HASH: 'xxhash64',
};
const OTHER_PLACE = 'keys are placed differently here, and not found where they are';

export function distributionOf(cluster: Message, servers: readonly Placed[]): Section {
  if (servers.some(({ hashKey }) => hashKey !== null)) {
    cluster.note(`servers have a hash_key of their own, here it is the address: ${OTHER_PLACE}`);
  }
  tellOfBalancing(cluster);
  const named = namedPolicy(cluster);
  const policy = named?.policy ?? cluster.text('lb_policy') ?? 'ROUND_ROBIN';
  const ring = named?.body ?? cluster.message('ring_hash_lb_config');
  const table = named?.body ?? cluster.message('maglev_lb_config');
  switch (policy) {
    case 'RING_HASH':
      return { distribution: 'ketama', ring: ringOf(ring) };
    case 'MAGLEV':
      tellOfTable(table);
      return { distribution: 'maglev' };
    default:
      if (servers.length > 1) {
        cluster.note(`${policy} places no key: Envoy asks any server, here each key has its own`);
      }
      return { distribution: 'ketama', ring: ringOf(null) };
  }
}

/** The newer way: `load_balancing_policy` with extensions. */
function namedPolicy(cluster: Message): { policy: string; body: Message } | null {
  const policies = cluster.message('load_balancing_policy')?.messages('policies') ?? [];
  for (const each of policies) {
    const extension = each.message('typed_extension_config');
    const typed = extension === null ? null : typedConfig(extension);
    extension?.skip('name');
    if (typed?.type === 'RingHash') return { policy: 'RING_HASH', body: typed.body };
    if (typed?.type === 'Maglev') return { policy: 'MAGLEV', body: typed.body };
    each.leaveOut('is neither ring_hash nor maglev: left out');
  }
  return null;
}

function ringOf(ring: Message | null): Section {
  const maximum = ring?.number('maximum_ring_size') ?? null;
  const minimum = ring?.number('minimum_ring_size') ?? MINIMUM_RING_SIZE;
  if (maximum !== null && maximum < 8_388_608) {
    ring?.tell('maximum_ring_size', `no upper bound here: if it is reached, ${OTHER_PLACE}`);
  }
  tellOfHashing(ring);
  return {
    minimum_size: minimum,
    hash: HASHES[ring?.text('hash_function') ?? 'XX_HASH'] ?? 'xxhash64',
  };
}

function tellOfTable(table: Message | null): void {
  const size = table?.number('table_size') ?? MAGLEV_TABLE_SIZE;
  if (size !== MAGLEV_TABLE_SIZE) {
    table?.tell('table_size', `always ${MAGLEV_TABLE_SIZE} here: ${OTHER_PLACE}`);
  }
  tellOfHashing(table);
}

function tellOfBalancing(cluster: Message): void {
  const common = cluster.message('common_lb_config');
  tellOfHashing(common);
  const threshold = common?.message('healthy_panic_threshold')?.number('value') ?? PANIC_PERCENT;
  if (threshold !== PANIC_PERCENT) {
    common?.tell('healthy_panic_threshold', `always ${PANIC_PERCENT} percent here`);
  }
}

function tellOfHashing(holder: Message | null): void {
  const hashing = holder?.message('consistent_hashing_lb_config') ?? null;
  holder?.tell('locality_weighted_lb_config', 'servers are weighted one by one: left out');
  for (const each of [hashing, holder]) {
    if (each?.flag('use_hostname_for_hashing') === true) {
      each.tell('use_hostname_for_hashing', `the address is hashed here: ${OTHER_PLACE}`);
    }
    if ((each?.number('hash_balance_factor') ?? 0) > 0) {
      each?.tell('hash_balance_factor', 'a key has one server, however busy it is: left out');
    }
  }
}
