/**
 * A place clients connect to: TCP, TLS or a unix path. Accepts up to a limit, watches for idle clients,
 * and drains.
 *
 *   socket that listens ─▶ connection ─┬─ plain ───────────────────────┬─▶ Session
 *                                      └─ TLS server, which listens to ─┘
 *                                         nothing and can be replaced
 *
 * The address is its identity. Everything else, certificates and even TLS itself included, changes behind
 * the socket (`configure`), so that nobody who connects meanwhile is turned away.
 */
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  type TlsOptions,
  type Server as TlsServer,
} from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import type { Log } from '../core/log.ts';
import { quiet } from '../core/quiet.ts';
import { clearStaleSocket } from '../core/unix-socket.ts';
import type { ListenerHost, SessionHost } from './host.ts';
import { keepRights } from './login.ts';
import { Monitors } from './monitors.ts';
import { type Accepted, moveToSharedBuffer, withDataEvents } from './read-into.ts';
import { Session } from './session.ts';

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export interface ListenerTls {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** Set: clients must show a certificate signed by one of these. */
  readonly clientCa: string | null;
}

export interface ListenerOptions {
  readonly name: string;
  readonly address: ListenAddress;
  readonly tls: ListenerTls | null;
  readonly connectionsMax: number;
  /** 0: never. */
  readonly idleTimeoutMs: number;
  /** Several processes or threads share the port; the kernel deals out connections. */
  readonly reusePort: boolean;
}

/** Connections the kernel holds for us while we are busy. */
const BACKLOG = 4096;
const KEEP_ALIVE_DELAY_MS = 300_000;
/** After this long a drain no longer waits for clients. */
const DRAIN_MS_MAX = 10_000;
const TOO_MANY = '-ERR max number of clients reached\r\n';

export class Listener {
  host: ListenerHost;
  #options: ListenerOptions;
  readonly #log: Log;
  readonly #server: Server;
  readonly #sessions: Set<Session> = new Set();
  readonly #monitors: Monitors;
  #sessionHost: SessionHost;
  /** Null: connections are plain. */
  #secure: TlsServer | null;
  #idleTimer: NodeJS.Timeout | null = null;
  #draining = false;

  constructor(options: ListenerOptions, host: ListenerHost, log: Log) {
    this.#options = options;
    this.host = host;
    this.#log = log;
    this.#monitors = new Monitors(options.name, host.clients, host.figures);
    this.#sessionHost = this.#hostOfSessions(host);
    this.#secure = options.tls === null ? null : this.#createTls(options.tls);
    this.#server = createServer(
      { pauseOnConnect: true, allowHalfOpen: true, noDelay: true },
      (socket) => {
        if (this.#secure === null) this.#onConnection(moveToSharedBuffer(socket));
        else this.#secure.emit('connection', socket);
      },
    );
  }

  get name(): string {
    return this.#options.name;
  }

  /**
   * Everything but the address, for clients that are here and those to come. Handshakes under way end with
   * the certificate they began with. `options.address` is not looked at.
   */
  configure(options: ListenerOptions, host: ListenerHost): void {
    const isSameTls = isDeepStrictEqual(options.tls, this.#options.tls);
    this.#options = { ...options, address: this.#options.address };
    const wasJudgedOutside = this.host.authenticator !== null;
    // Under another name they are counted elsewhere.
    this.host.figures.connectionsActive -= this.#sessions.size;
    host.figures.connectionsActive += this.#sessions.size;
    this.host = host;
    this.#monitors.configure(options.name, host.figures);
    this.#sessionHost = this.#hostOfSessions(host);
    if (!isSameTls) this.#secure = options.tls === null ? null : this.#createTls(options.tls);
    this.#watchIdle();
    for (const session of this.#sessions) {
      session.adopt(this.#sessionHost);
      keepRights(session, wasJudgedOutside);
    }
  }

  #hostOfSessions(host: ListenerHost): SessionHost {
    const { address } = this.#options;
    return {
      ...host,
      monitors: this.#monitors,
      unixPath: address.kind === 'unix' ? address.path : null,
      onClosed: (session) => this.#onClosed(session),
    };
  }

  get isAccepting(): boolean {
    return this.#server.listening && !this.#draining;
  }

  /** As bound: with the port that the kernel chose. */
  get address(): string {
    const { address } = this.#options;
    if (address.kind === 'unix') return `unix:${address.path}`;
    const bound = this.#server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
    return address.host.includes(':') ? `[${address.host}]:${port}` : `${address.host}:${port}`;
  }

  /** Resolves with `address` once clients can connect. */
  async listen(): Promise<string> {
    const { address } = this.#options;
    if (address.kind === 'unix') await clearStaleSocket(address.path);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#listenOptions(), () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#server.on('error', (cause) => {
      this.#log.error({ listener: this.name, reason: cause.message }, 'listener error');
    });
    this.#watchIdle();
    return this.address;
  }

  /** Accepts nobody new, answers what is under way, closes each client when it is quiet. */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#stopAccepting();
    for (const session of this.#sessions) session.finish();
    await quiet(() => this.#sessions.size === 0, DRAIN_MS_MAX);
    this.close();
  }

  close(): void {
    this.#draining = true;
    this.#stopAccepting();
    for (const session of this.#sessions) session.close();
    this.#monitors.close();
  }

  #stopAccepting(): void {
    if (this.#idleTimer !== null) clearInterval(this.#idleTimer);
    this.#idleTimer = null;
    if (this.#server.listening) this.#server.close();
  }

  /** It gets its connections from the socket that listens. */
  #createTls(tls: ListenerTls): TlsServer {
    const options: TlsOptions & { allowHalfOpen: boolean; noDelay: boolean } = {
      cert: tls.cert,
      key: tls.key,
      allowHalfOpen: true,
      noDelay: true,
      ...(tls.clientCa === null
        ? {}
        : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true }),
    };
    const server = createTlsServer(options, (socket) => {
      socket.pause();
      this.#onConnection(withDataEvents(socket));
    });
    server.on('tlsClientError', (cause, socket) => {
      this.#log.warn(
        { listener: this.name, client: socket.remoteAddress, reason: cause.message },
        'TLS handshake with a client failed',
      );
    });
    return server;
  }

  #listenOptions(): ListenOptions & { reusePort?: boolean } {
    const { address, reusePort } = this.#options;
    if (address.kind === 'tcp') {
      return { host: address.host, port: address.port, backlog: BACKLOG, reusePort };
    }
    return { path: address.path, backlog: BACKLOG };
  }

  #onConnection(accepted: Accepted): void {
    const { figures, clients, tick } = this.host;
    tick.begin();
    figures.connectionsTotal++;
    if (this.#sessions.size >= this.#options.connectionsMax || this.#draining) {
      figures.connectionsRefused++;
      refuse(accepted.socket);
      return;
    }
    accepted.socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    const session = new Session(clients.takeId(), accepted.socket, this.#sessionHost);
    figures.connectionsActive++;
    this.#sessions.add(session);
    clients.add(session);
    accepted.attach((length, chunk) => session.onChunk(length, chunk));
  }

  #onClosed(session: Session): void {
    if (!this.#sessions.delete(session)) return;
    this.host.figures.connectionsActive--;
    this.host.clients.remove(session);
  }

  /** One timer for all clients, so an idle one is closed up to a quarter late. */
  #watchIdle(): void {
    const { idleTimeoutMs } = this.#options;
    if (this.#idleTimer !== null) clearInterval(this.#idleTimer);
    this.#idleTimer = null;
    if (idleTimeoutMs === 0) return;
    this.#idleTimer = setInterval(() => this.#closeIdle(), Math.max(50, idleTimeoutMs / 4));
    this.#idleTimer.unref();
  }

  #closeIdle(): void {
    const since = performance.now() - this.#options.idleTimeoutMs;
    for (const session of this.#sessions) {
      if (session.activeAt > since || session.turnsOpen > 0) continue;
      // Who waits for messages or watches may wait as long as he likes, and who is not read is not idle.
      if (session.isSubscribed || session.isMonitor || session.isHeldBack) continue;
      this.host.figures.idleClosed++;
      session.close();
    }
  }
}

function refuse(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  socket.end(TOO_MANY, 'latin1', () => socket.destroy());
}
