/** How faults are worded. Apart from the schema, so that who has no file to read need not load what reads one. */

/** The sentence about a wrong value, the same everywhere. */
export function wrong(value: unknown, allowed: string): string {
  return `found ${show(value)}, allowed ${allowed}`;
}

function show(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value !== 'string') return `${String(value)} (a ${typeof value})`;
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value);
}

export function oneOf(values: readonly string[]): string {
  const last = values.at(-1) ?? '';
  return values.length < 2 ? last : `${values.slice(0, -1).join(', ')} or ${last}`;
}
