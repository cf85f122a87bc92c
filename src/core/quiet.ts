/** Waiting for what is under way to end, with a limit: for whatever is closed while others use it. */

const STEP_MS = 10;

/** Resolves when `isQuiet`, or after `limitMs`. Asked again and again: nobody has to tell of its last act. */
export async function quiet(isQuiet: () => boolean, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!isQuiet() && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
}
