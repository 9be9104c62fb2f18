// Ends a call of the SDK that overlooks its signal.

/** How long the SDK may take to notice that a call was ended, before it is left alone, milliseconds. */
const SETTLE_MS = 500;

/**
 * Runs to the end, or until half a second after the signal.
 * @throws the signal's reason, or what `run` threw.
 */
export async function settle<T>(run: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: overlooked, reject } = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const abort = () => {
    timer = setTimeout(() => reject(signal.reason), SETTLE_MS);
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([run(signal), overlooked]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}
