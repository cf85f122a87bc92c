/** Errors in words for people. */

/** A sentence about an error of the operating system or of the program itself, without its stack. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? error.code : undefined;
  const place = placeOf(error);
  switch (code) {
    case 'EADDRINUSE':
      return `${place} is already in use by another process`;
    case 'EADDRNOTAVAIL':
      return `${place} is not an address of this machine`;
    case 'EACCES':
      return `${place}: permission denied`;
    default:
      return error.message;
  }
}

function placeOf(error: Error): string {
  const address: unknown = Reflect.get(error, 'address');
  const port: unknown = Reflect.get(error, 'port');
  if (typeof address !== 'string') return error.message;
  if (typeof port !== 'number' || port < 0) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
