/** Certificates for one test: an authority, a server, a client, and a client of another authority. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensureTools } from './install.ts';
import { run } from './process.ts';

/** Paths of PEM files. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export class Certificates {
  readonly directory: string = mkdtempSync(path.join(tmpdir(), 'tidegate-tls-'));
  readonly ca: string = path.join(this.directory, 'ca.pem');
  readonly server: Pair = this.pair('server');
  readonly client: Pair = this.pair('client');
  /** Signed by an authority nobody knows. */
  readonly strangerCa: string = path.join(this.directory, 'stranger-ca.pem');
  readonly stranger: Pair = this.pair('stranger');

  pair(name: string): Pair {
    return {
      cert: path.join(this.directory, `${name}.pem`),
      key: path.join(this.directory, `${name}.key`),
    };
  }

  read(file: string): Buffer {
    return readFileSync(file);
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const NAMES = 'subjectAltName=DNS:localhost,DNS:redis.internal,IP:127.0.0.1';
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export async function makeCertificates(): Promise<Certificates> {
  await ensureTools('openssl');
  const made = new Certificates();
  await authority(made, 'ca');
  await authority(made, 'stranger-ca');
  await sign(made, 'server', 'ca');
  await sign(made, 'client', 'ca');
  await sign(made, 'stranger', 'stranger-ca');
  return made;
}

async function authority(made: Certificates, name: string): Promise<void> {
  const { cert, key } = made.pair(name);
  const subject = ['-subj', `/CN=Tidegate test ${name}`];
  await openssl('req', '-x509', ...KEY, '-keyout', key, '-out', cert, '-days', '2', ...subject);
}

async function sign(made: Certificates, name: string, by: string): Promise<void> {
  const { cert, key } = made.pair(name);
  const signer = made.pair(by);
  const request = `${cert}.csr`;
  const extensions = `${cert}.ext`;
  writeFileSync(extensions, `${NAMES}\n`);
  await openssl('req', ...KEY, '-keyout', key, '-out', request, '-subj', `/CN=${name}`);
  const authorityFiles = ['-CA', signer.cert, '-CAkey', signer.key, '-CAcreateserial'];
  const files = ['-in', request, '-out', cert, '-extfile', extensions];
  await openssl('x509', '-req', ...files, ...authorityFiles, '-days', '2');
}

async function openssl(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await run('openssl', args);
  if (code !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`);
}
