/**
 * An Envoy bootstrap in, the configuration that does the same out, with a word about everything that has no
 * equivalent here.
 */
import { isLoopback, parseAddress } from '../address.ts';
import { Clusters } from './clusters.ts';
import { importListener, listenerName } from './listeners.ts';
import { isMapping, Message, type Note, Notes } from './message.ts';
import { addressText, type Section } from './values.ts';

export interface Imported {
  /** Ready to be written as YAML. */
  readonly config: Section;
  readonly notes: readonly Note[];
}

/** Why there is nothing to import, in words. */
export class NoBootstrap extends Error {
  override readonly name = 'NoBootstrap';
}

/** Throws `NoBootstrap`. */
export function importBootstrap(raw: unknown): Imported {
  if (!isMapping(raw)) throw new NoBootstrap('is no Envoy bootstrap: found no mapping');
  const notes = new Notes();
  const bootstrap = new Message(raw, [], notes);
  const resources = bootstrap.message('static_resources');
  if (resources === null) {
    throw new NoBootstrap('is no Envoy bootstrap: static_resources is missing');
  }
  const secrets = new Map(
    resources.messages('secrets').map((secret) => [secret.text('name') ?? '', secret]),
  );
  const clusters = new Clusters(resources.messages('clusters'), secrets);
  const listeners: Record<string, Section> = {};
  for (const [index, listener] of resources.messages('listeners').entries()) {
    const wanted = listenerName(listener, index);
    const name = Object.hasOwn(listeners, wanted) ? `${wanted}-${index}` : wanted;
    const section = importListener(listener, name, clusters, secrets);
    if (section !== null) listeners[name] = section;
  }
  if (Object.keys(listeners).length === 0) {
    throw new NoBootstrap('has no listener with a redis_proxy');
  }
  clusters.finish();
  const admin = adminOf(bootstrap);
  bootstrap.tell('node', 'names this Envoy to its control plane: nothing to set');
  bootstrap.tell('dynamic_resources', 'no control plane here: what comes from it must be written');
  bootstrap.finish();
  return {
    config: {
      // One event loop per core, as Envoy runs without --concurrency.
      workers: 'auto',
      admin,
      listeners,
      upstreams: clusters.upstreams,
    },
    notes: notes.all,
  };
}

function adminOf(bootstrap: Message): Section | undefined {
  const admin = bootstrap.message('admin');
  const place = admin?.message('address') ?? null;
  if (admin === null || place === null) return undefined;
  admin.tell('access_log_path', 'calls of the admin port are not logged: left out');
  admin.tell('access_log', 'calls of the admin port are not logged: left out');
  const written = addressText(place);
  const address = written === null ? null : parseAddress(written, '/', 0);
  if (written === null || address === null) return undefined;
  if (isLoopback(address) || address.kind === 'unix') return { listen: written };
  place.note('beyond loopback the admin port needs a token: it is on 127.0.0.1 until you set one');
  return { listen: `127.0.0.1:${address.port}` };
}
