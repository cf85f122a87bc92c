/**
 * An authenticator behind gRPC, in the protocol Envoy's Redis proxy speaks: one unary call per login, over
 * one HTTP/2 connection per listener and worker. The library is loaded when this is opened, so who does not
 * use it does not pay for it.
 */
import type { ChannelCredentials, Client, ServiceError } from '@grpc/grpc-js';
import type { Log } from '../core/log.ts';
import type { AuthResponse } from './auth-messages.ts';
import type { Authenticator, Verdict } from './authenticator.ts';

export interface ExternalAuthOptions {
  /** Of the listener, for the log. */
  readonly listener: string;
  readonly address:
    | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
    | { readonly kind: 'unix'; readonly path: string };
  readonly timeoutMs: number;
  /** Logins end when the service says so. */
  readonly expires: boolean;
  /** PEM; null: no TLS. */
  readonly tls: {
    readonly ca: string | null;
    readonly cert: string | null;
    readonly key: string | null;
    readonly serverName: string | null;
  } | null;
}

/** Logins under way at most; one more fails at once. */
const CALLS_MAX = 4096;
/** A service that was away must not stay unknown for long: the library would wait for up to two minutes. */
const RECONNECT_MS_MIN = 100;
const RECONNECT_MS_MAX = 1000;

type Grpc = typeof import('@grpc/grpc-js');
type Messages = typeof import('./auth-messages.ts');

export class ExternalAuth implements Authenticator {
  readonly #options: ExternalAuthOptions;
  readonly #log: Log;
  #parts: { readonly grpc: Grpc; readonly messages: Messages; readonly client: Client } | null =
    null;
  #calls = 0;

  constructor(options: ExternalAuthOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  /** Loads what is needed and begins to connect; does not wait for the service. */
  async open(): Promise<void> {
    const [grpc, messages] = await Promise.all([
      import('@grpc/grpc-js'),
      import('./auth-messages.ts'),
    ]);
    // It would write to standard error by itself; what matters is told in our own log.
    grpc.setLogVerbosity(grpc.logVerbosity.NONE);
    const { tls } = this.#options;
    const client = new grpc.Client(targetOf(this.#options), credentialsOf(grpc, tls), {
      'grpc.initial_reconnect_backoff_ms': RECONNECT_MS_MIN,
      'grpc.min_reconnect_backoff_ms': RECONNECT_MS_MIN,
      'grpc.max_reconnect_backoff_ms': RECONNECT_MS_MAX,
      // Passwords go to the service named, not to a proxy that the environment names.
      'grpc.enable_http_proxy': 0,
      ...(tls?.serverName == null
        ? {}
        : {
            'grpc.ssl_target_name_override': tls.serverName,
            'grpc.default_authority': tls.serverName,
          }),
    });
    client.getChannel().getConnectivityState(true);
    this.#parts = { grpc, messages, client };
  }

  /** No login is under way. */
  get isIdle(): boolean {
    return this.#calls === 0;
  }

  ask(username: string, password: string, then: (verdict: Verdict) => void): void {
    const parts = this.#parts;
    if (parts === null || this.#calls >= CALLS_MAX) {
      setImmediate(() => {
        this.#onFailure(parts === null ? 'not open' : 'too many logins are under way');
        then({ kind: 'failed' });
      });
      return;
    }
    const { grpc, messages, client } = parts;
    this.#calls++;
    client.makeUnaryRequest(
      messages.AUTHENTICATE,
      messages.encodeRequest,
      messages.decodeResponse,
      { username, password },
      new grpc.Metadata(),
      { deadline: Date.now() + this.#options.timeoutMs },
      (error: ServiceError | null, response?: AuthResponse) => {
        this.#calls--;
        then(this.#verdictOf(error, response));
      },
    );
  }

  close(): void {
    this.#parts?.client.close();
    this.#parts = null;
  }

  #verdictOf(error: ServiceError | null, response: AuthResponse | undefined): Verdict {
    if (error !== null || response === undefined) {
      this.#onFailure(error?.message ?? 'an empty answer');
      return { kind: 'failed' };
    }
    const { code, message, expiresAtMs } = response;
    if (code !== 0) return { kind: 'refused', message };
    return { kind: 'accepted', expiresAtMs: this.#options.expires ? expiresAtMs : null };
  }

  #onFailure(reason: string): void {
    this.#log.warn(
      { listener: this.#options.listener, service: targetOf(this.#options), reason },
      'external authentication failed',
    );
  }
}

function targetOf({ address }: ExternalAuthOptions): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `dns:${host}:${address.port}`;
}

function credentialsOf(grpc: Grpc, tls: ExternalAuthOptions['tls']): ChannelCredentials {
  if (tls === null) return grpc.credentials.createInsecure();
  const buffer = (pem: string | null): Buffer | null => (pem === null ? null : Buffer.from(pem));
  return grpc.credentials.createSsl(buffer(tls.ca), buffer(tls.key), buffer(tls.cert));
}
