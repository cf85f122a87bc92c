/** A configuration that may be shown: `/config` and logs never print a secret. */
import type { Config } from './config.ts';

const HIDDEN = '(hidden)';
const SECRET_KEYS: ReadonlySet<string> = new Set(['password', 'passwords', 'token', 'pem']);

/** The same tree with every secret replaced; ready for `JSON.stringify`. */
export function redact(config: Config): unknown {
  return redactValue(config);
}

function redactValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redactValue);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      SECRET_KEYS.has(key) ? hide(inner) : redactValue(inner),
    ]),
  );
}

/** How many there are is worth knowing and gives nothing away. */
function hide(value: unknown): unknown {
  if (value === null) return null;
  return Array.isArray(value) ? value.map(() => HIDDEN) : HIDDEN;
}
