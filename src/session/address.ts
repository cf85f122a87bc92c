/** Addresses of a client as Redis prints them. */
import type { Session } from './session.ts';

/** As MONITOR prints it, where those who come by a path have its name. */
export function sourceOf(session: Session): string {
  const { unixPath } = session.host;
  return unixPath === null ? addressOf(session) : `unix:${unixPath}`;
}

export function addressOf(session: Session): string {
  return joinAddress(session.socket.remoteAddress, session.socket.remotePort);
}

export function localAddressOf(session: Session): string {
  return joinAddress(session.socket.localAddress, session.socket.localPort);
}

/** `host:port`, `[v6]:port`; a unix socket has neither. */
function joinAddress(host: string | undefined, port: number | undefined): string {
  if (host === undefined || port === undefined) return '?:0';
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
