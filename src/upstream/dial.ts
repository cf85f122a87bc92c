/** Opens the socket of a link: TCP, TLS or a unix path. Reads land in one buffer shared by all links. */
import { connect as connectTcp, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, type PeerCertificate } from 'node:tls';

/** Where a server listens. */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export interface TlsOptions {
  /** PEM; without `ca` the server's certificate must be signed by an authority the machine trusts. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  /** Name expected in the certificate and sent as SNI; default: the host dialled. */
  readonly serverName: string | null;
}

/** One read of the kernel at most; a chunk is consumed before the next socket reads. */
const READ_BYTES = 256 * 1024;
const KEEP_ALIVE_DELAY_MS = 30_000;

const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);

/** Called for each chunk; the buffer is used again after the call. */
export type OnChunk = (length: number, chunk: Buffer) => void;

export function dial(
  address: Address,
  tls: TlsOptions | null,
  onChunk: OnChunk,
  onConnect: () => void,
): Socket {
  const target =
    address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port };
  const common = {
    ...target,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
    onread: {
      buffer: readBuffer,
      callback: (length: number, chunk: Uint8Array): boolean => {
        onChunk(length, chunk as Buffer);
        return true;
      },
    },
  };
  if (tls === null) return connectTcp(common, onConnect);
  const host = address.kind === 'tcp' ? address.host : 'localhost';
  return connectTls(
    {
      ...common,
      ...(tls.ca === null ? {} : { ca: tls.ca }),
      ...(tls.cert === null ? {} : { cert: tls.cert }),
      ...(tls.key === null ? {} : { key: tls.key }),
      ...serverNameOf(tls.serverName ?? host),
      ...(tls.serverName === null ? {} : identityOf(tls.serverName)),
    },
    onConnect,
  );
}

/** SNI carries names only: an address is checked against the certificate but not sent. */
function serverNameOf(name: string): { servername?: string; host?: string } {
  return /^[\d.]+$|:/.test(name) ? {} : { servername: name };
}

/** The certificate must be for the name configured, whichever address was dialled. */
function identityOf(name: string): {
  checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined;
} {
  return { checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate) };
}
