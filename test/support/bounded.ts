/** Nothing in a test waits for ever: every wait has a limit and says what it was waiting for. */
import { setTimeout as sleep } from 'node:timers/promises';

export { sleep };

/** Rejects with `what` when `promise` has not settled after `limitMs`. */
export async function within<T>(promise: Promise<T>, limitMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${limitMs} ms: ${what}`)), limitMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks again and again until the answer is true. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  limitMs = 5000,
  stepMs = 10,
): Promise<void> {
  const end = performance.now() + limitMs;
  for (;;) {
    if (await condition()) return;
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
    await sleep(stepMs);
  }
}

/** How long something took, beside its result. */
export async function timed<T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const start = performance.now();
  const result = await work();
  return { result, ms: performance.now() - start };
}
