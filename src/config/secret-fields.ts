/** Leaves that read something outside the configuration: secrets, certificates, keys. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import type * as z from 'zod';
import { secretIn } from '../core/secret-files.ts';
import type { PemFile, SecretConfig } from './config.ts';
import { leaf, Refusal } from './fields.ts';
import type { Resources } from './resources.ts';
import { fileProblem } from './resources.ts';
import { wrong } from './words.ts';

const SECRET = 'text in quotes, {env: NAME} or {file: path}';
const CERTIFICATE_BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** The value itself; never part of a message. */
export function secret(description: string, resources: Resources): z.ZodType<string> {
  return secretLeaf(description, resources, ({ text }) => text);
}

/** The value and the file it came from, where it may be exchanged. */
export function exchangeableSecret(
  description: string,
  resources: Resources,
): z.ZodType<SecretConfig> {
  return secretLeaf(description, resources, (found) => found);
}

function secretLeaf<T>(
  description: string,
  resources: Resources,
  take: (found: SecretConfig) => T,
): z.ZodType<T> {
  const meta = {
    allowed: SECRET,
    anyOf: [
      { type: 'string', minLength: 1 },
      sourceSchema('env', 'Name of an environment variable.'),
      sourceSchema('file', 'A file; one line break at its end is dropped.'),
    ],
  };
  return leaf(description, meta, (value) => {
    if (typeof value === 'string') return take({ text: required(value, 'is empty'), file: null });
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      // Not `wrong(value)`: a password of digits, written without quotes, would be printed.
      throw new Refusal(
        `found ${value === null ? 'nothing' : `a ${kind(value)}`}, allowed ${SECRET}`,
      );
    }
    const [entry, ...more] = Object.entries(value);
    if (entry === undefined || more.length > 0 || typeof entry[1] !== 'string') return null;
    if (entry[0] === 'env') return take({ text: fromEnvironment(entry[1], resources), file: null });
    if (entry[0] !== 'file') return null;
    const file = resolve(resources.folder, entry[1]);
    return take({ text: fromFile(entry[1], resources), file });
  });
}

function kind(value: unknown): string {
  return Array.isArray(value) ? 'list' : typeof value;
}

function sourceSchema(key: string, description: string): object {
  return {
    type: 'object',
    properties: { [key]: { type: 'string', description } },
    required: [key],
    additionalProperties: false,
  };
}

function required(value: string, problem: string): string {
  if (value === '') throw new Refusal(`${problem}, allowed ${SECRET}`);
  return value;
}

function fromEnvironment(name: string, resources: Resources): string {
  const value = resources.environment(name);
  if (value === undefined) throw new Refusal(`environment variable ${name} is not set`);
  return required(value, `environment variable ${name} is empty`);
}

function fromFile(path: string, resources: Resources): string {
  return required(secretIn(readFile(path, resources)), `file ${path} is empty`);
}

function readFile(path: string, resources: Resources): string {
  try {
    return resources.readText(resolve(resources.folder, path));
  } catch (error) {
    throw new Refusal(`file ${path} cannot be read: ${fileProblem(error)}`);
  }
}

/** One certificate or a chain or bundle of them. */
export function certificateFile(description: string, resources: Resources): z.ZodType<PemFile> {
  return pemFile(description, 'a PEM file with certificates', resources, (pem) => {
    const blocks = pem.match(CERTIFICATE_BLOCK);
    if (blocks === null) throw new Error('no certificate in it');
    for (const block of blocks) new X509Certificate(block);
  });
}

export function keyFile(description: string, resources: Resources): z.ZodType<PemFile> {
  return pemFile(description, 'a PEM file with a private key', resources, (pem) => {
    if (pem.includes('ENCRYPTED')) throw new Error('the key in it is encrypted');
    createPrivateKey(pem);
  });
}

/**
 * Why the two cannot be used together, or null. TLS would say it too late: when the first client comes, or
 * when half of a new configuration is in force.
 */
export function problemOfPair(key: PemFile, cert: PemFile): string | null {
  if (!new X509Certificate(cert.pem).checkPrivateKey(createPrivateKey(key.pem))) {
    return 'is not the private key of cert';
  }
  try {
    // `ca` only so that the authorities of the machine are not loaded.
    createSecureContext({ cert: cert.pem, key: key.pem, ca: cert.pem });
    return null;
  } catch (error) {
    return `cannot be used with cert: ${firstLine(error)}`;
  }
}

function pemFile(
  description: string,
  allowed: string,
  resources: Resources,
  check: (pem: string) => void,
): z.ZodType<PemFile> {
  return leaf(description, { type: 'string', allowed }, (value) => {
    if (typeof value !== 'string' || value === '') throw new Refusal(wrong(value, allowed));
    const pem = readFile(value, resources);
    try {
      check(pem);
    } catch (error) {
      throw new Refusal(`file ${value} is not ${allowed}: ${firstLine(error)}`);
    }
    return { path: resolve(resources.folder, value), pem };
  });
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}
