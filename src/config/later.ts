/**
 * Names of the contract that a later version will understand. They are faults here too, but whoever wrote
 * one did not mistype it and should be told so. A version that brings a feature takes its line out.
 */

export const NOT_AVAILABLE = 'not available in this version';

/** Keys by the mapping they stand in; `*` is any name or index. */
const LATER_KEYS: Readonly<Record<string, readonly string[]>> = {
  '': ['caches', 'http', 'functions', 'gateways'],
  'listeners.*.routes.*': ['cache'],
  'upstreams.*': ['outage'],
};

/** `path` leads to the mapping that holds `key`. */
export function isLaterKey(path: readonly (string | number)[], key: string): boolean {
  return Object.entries(LATER_KEYS).some(([pattern, keys]) => {
    const segments = pattern === '' ? [] : pattern.split('.');
    if (segments.length !== path.length || !keys.includes(key)) return false;
    return segments.every((segment, i) => segment === '*' || segment === path[i]);
  });
}
