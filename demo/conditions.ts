// Waiting for conditions, never for time.

/** Asks `look` until it gives a value other than undefined; failures count as "not yet". Says how long it took. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined>,
  timeoutMs = 30_000,
): Promise<{ value: T; tookMs: number }> {
  const startedAt = performance.now();
  let last: unknown;
  while (performance.now() - startedAt < timeoutMs) {
    try {
      const value = await look();
      if (value !== undefined) return { value, tookMs: Math.round(performance.now() - startedAt) };
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const because = last instanceof Error ? `; the last answer was: ${last.message}` : '';
  throw new Error(`waited ${timeoutMs / 1_000} s in vain for: ${what}${because}`);
}

/** Fails the step with words, unless it is so. */
export function expect(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(`expected ${what}`);
}
