/**
 * The admin port: pages about the process, and the orders to reload and to drain it.
 *
 * Liveness and readiness are open, because probes have no secrets; without the token readiness says only yes
 * or no. Everything else wants the bearer token when one is configured. Without one the port is on loopback
 * (the configuration demands it), where a page in somebody's browser could still reach it: a request that a
 * browser sends from elsewhere is refused where it would change something.
 *
 * Plain node:http: the port opens in the loop that serves clients, right after their doors, and there fastify
 * costs 100 to 160 ms of CPU and 9 MB, this 25 and 5.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Log } from '../core/log.ts';
import { clearStaleSocket } from '../core/unix-socket.ts';
import { CONTENT_TYPE, exposition } from './metrics.ts';
import type { ReloadFigures, ReloadOutcome } from './reloads.ts';
import { merge, type Snapshot } from './snapshot.ts';
import { type ProcessFigures, statsOf } from './stats.ts';
import { type Plan, topologyOf, unreadiness } from './topology.ts';

export type AdminAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** What the pages are about. What a reload may change is asked for each time. */
export interface AdminHost {
  readonly version: string;
  /** Null: none is needed. */
  readonly token: () => string | null;
  readonly plan: () => Plan;
  /** Without secrets. */
  readonly config: () => unknown;
  readonly isDraining: () => boolean;
  /** One snapshot per worker. */
  readonly gather: () => Promise<readonly Snapshot[]>;
  readonly requestDrain: () => void;
  readonly reloads: ReloadFigures;
  readonly requestReload: () => Promise<ReloadOutcome>;
}

export interface Admin {
  /** As bound. */
  readonly address: string;
  /** Answers what was asked, then closes: the port has moved. */
  retire(): void;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type?: string;
  /** Text as it is, anything else as JSON. */
  readonly body: unknown;
  readonly headers?: OutgoingHttpHeaders;
}

interface Endpoint {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly about: string;
  /** Answers without the token. */
  readonly isOpen?: boolean;
  readonly page: (request: IncomingMessage, response: ServerResponse) => Answer | Promise<Answer>;
}

const REQUEST_MS_MAX = 10_000;
const CONNECTIONS_MAX = 256;
/** After this long a port that moved no longer waits for its answers to be read. */
const RETIRE_MS_MAX = 10_000;

/** Rejects when the address cannot be had. */
export async function startAdmin(address: AdminAddress, host: AdminHost, log: Log): Promise<Admin> {
  const endpoints = endpointsOf(host);
  const server = createServer({ requestTimeout: REQUEST_MS_MAX }, (request, response) => {
    // Nobody reads what comes with a request; left unread it would stop the connection.
    request.resume();
    answer(endpoints, host.token(), request, response).then(
      (given) => send(response, given),
      (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        log.warn({ page: pathOf(request), reason }, 'admin page failed');
        send(response, { status: 503, body: { error: reason } });
      },
    );
  });
  server.maxConnections = CONNECTIONS_MAX;
  const bound = await listen(server, address);
  server.on('error', (cause) => log.error({ reason: cause.message }, 'admin port error'));
  return {
    address: bound,
    retire: () => {
      server.close();
      setTimeout(() => server.closeAllConnections(), RETIRE_MS_MAX).unref();
    },
    close: async () => {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}

async function listen(server: Server, address: AdminAddress): Promise<string> {
  if (address.kind === 'unix') await clearStaleSocket(address.path);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(address.kind === 'unix' ? { path: address.path } : { ...address }, resolve);
  await promise;
  server.off('error', reject);
  if (address.kind === 'unix') return `unix:${address.path}`;
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
  return address.host.includes(':') ? `[${address.host}]:${port}` : `${address.host}:${port}`;
}

async function answer(
  endpoints: readonly Endpoint[],
  token: string | null,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer> {
  const path = pathOf(request);
  const endpoint = endpoints.find((each) => each.path === path);
  if (endpoint?.isOpen !== true && !mayEnter(request, token)) {
    return {
      status: 401,
      body: { error: 'send the admin token: Authorization: Bearer TOKEN' },
      headers: { 'www-authenticate': 'Bearer' },
    };
  }
  if (endpoint === undefined) {
    return { status: 404, body: { error: 'no such page; GET / lists all' } };
  }
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  if (method !== endpoint.method) {
    const allow = endpoint.method === 'GET' ? 'GET, HEAD' : endpoint.method;
    return { status: 405, body: { error: `allowed: ${allow}` }, headers: { allow } };
  }
  if (method !== 'GET' && isForeign(request)) {
    return { status: 403, body: { error: 'a page of another origin may not do this' } };
  }
  return await endpoint.page(request, response);
}

function send(response: ServerResponse, { status, type, body, headers }: Answer): void {
  const text = typeof body === 'string' ? body : `${JSON.stringify(body, null, 2)}\n`;
  response.writeHead(status, {
    'content-type': type ?? 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(text);
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?')[0]!;
}

function endpointsOf(host: AdminHost): readonly Endpoint[] {
  const whole = async (): Promise<Snapshot> => merge(await host.gather());
  const endpoints = [
    ...healthEndpoints(host, whole),
    ...figureEndpoints(host, whole),
    ...orderEndpoints(host),
  ];
  const index = endpoints.map(({ method, path, about }) => ({ method, path, about }));
  const page = (): Answer => ok({ name: 'tidegate', version: host.version, endpoints: index });
  return [{ method: 'GET', path: '/', about: 'this list', page }, ...endpoints];
}

function orderEndpoints(host: AdminHost): Endpoint[] {
  return [
    {
      method: 'POST',
      path: '/reload',
      about: 'read the configuration again: as SIGHUP',
      page: async () => answerToReload(await host.requestReload()),
    },
    {
      method: 'POST',
      path: '/drain',
      about: 'accept nobody new, answer what is under way, end with 0: as SIGTERM',
      page: (_request, response) => {
        // First the answer, then the end: the admin port closes with the rest.
        response.once('close', host.requestDrain);
        return ok({ status: 'draining' }, 202);
      },
    },
  ];
}

function answerToReload(outcome: ReloadOutcome): Answer {
  switch (outcome.kind) {
    case 'applied':
      return ok({ status: 'reloaded', ...outcome.changes });
    case 'refused':
      return { status: 422, type: 'text/plain; charset=utf-8', body: `${outcome.faults}\n` };
    case 'impossible':
      return ok({ error: outcome.reason }, 409);
  }
}

function healthEndpoints(host: AdminHost, whole: () => Promise<Snapshot>): Endpoint[] {
  return [
    {
      method: 'GET',
      path: '/healthz',
      about: '200 while the process lives, also while it drains',
      isOpen: true,
      page: () => ok({ status: 'ok' }),
    },
    {
      method: 'GET',
      path: '/readyz',
      about: '200 while clients should come here, else 503 with reasons',
      isOpen: true,
      page: async (request) => {
        const reasons = unreadiness(host.plan(), await whole(), host.isDraining());
        const ready = reasons.length === 0;
        return ok(
          mayEnter(request, host.token()) ? { ready, reasons } : { ready },
          ready ? 200 : 503,
        );
      },
    },
  ];
}

function figureEndpoints(host: AdminHost, whole: () => Promise<Snapshot>): Endpoint[] {
  return [
    {
      method: 'GET',
      path: '/metrics',
      about: 'figures for Prometheus',
      page: async () => {
        const body = exposition({
          snapshot: await whole(),
          process: processFigures(host),
          startedAt: Date.now() / 1000 - process.uptime(),
          draining: host.isDraining(),
          reloads: host.reloads,
        });
        return { status: 200, body, type: CONTENT_TYPE };
      },
    },
    {
      method: 'GET',
      path: '/stats',
      about: 'figures as JSON, latencies in milliseconds',
      page: async () => {
        const stats = statsOf(await whole(), processFigures(host), host.isDraining());
        const { applied, refused, readAt } = host.reloads;
        return ok({ ...stats, reloads: { applied, refused, readAt } });
      },
    },
    {
      method: 'GET',
      path: '/config',
      about: 'the configuration in force, without secrets',
      page: () => ok(host.config()),
    },
    {
      method: 'GET',
      path: '/topology',
      about: 'listeners, routes, upstreams and the state of their servers',
      page: async () => ok(topologyOf(host.plan(), await whole())),
    },
  ];
}

function ok(body: unknown, status = 200): Answer {
  return { status, body };
}

function processFigures(host: AdminHost): ProcessFigures {
  const { user, system } = process.cpuUsage();
  return {
    version: host.version,
    pid: process.pid,
    uptimeSeconds: process.uptime(),
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
  };
}

/** Only hashes are compared: equal length, and no time that depends on what is right so far. */
function mayEnter(request: IncomingMessage, token: string | null): boolean {
  if (token === null) return true;
  const given = /^Bearer +(.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  return given !== undefined && timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Only browsers send the header; a dashboard of this very port is at home. */
function isForeign(request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  return origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`;
}
