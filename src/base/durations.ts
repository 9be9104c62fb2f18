// Durations as Vault's users write them: "90s", "1h30m", "2d", or a bare number of seconds.

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Milliseconds of `text`. Undefined if it is not a duration, is negative, or is over 100 years.
 * Go's `time.ParseDuration` plus the unit `d` and bare seconds, as Vault's `parseutil` takes them.
 */
export function parseDuration(text: string | number): number | undefined {
  if (typeof text === 'number') return within(text * 1_000);
  const trimmed = text.trim();
  if (/^\d+(\.\d+)?$/.test(trimmed)) return within(Number(trimmed) * 1_000);
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d))+$/.test(trimmed)) return undefined;
  let total = 0;
  for (const [, value, , unit] of trimmed.matchAll(/(\d+(\.\d+)?)(ns|us|µs|ms|s|m|h|d)/g)) {
    total += Number(value) * (UNIT_MS[unit as string] ?? Number.NaN);
  }
  return within(total);
}

function within(milliseconds: number): number | undefined {
  const HUNDRED_YEARS_MS = 100 * 365 * 86_400_000;
  return milliseconds >= 0 && milliseconds <= HUNDRED_YEARS_MS ? milliseconds : undefined;
}

/** As Go prints it: "1h30m0s", "500ms", "0s". */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  if (milliseconds < 1_000) return `${Math.round(milliseconds)}ms`;
  const seconds = Math.round(milliseconds / 100) / 10;
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor((seconds % 3_600) / 60);
  const rest = Math.round((seconds % 60) * 10) / 10;
  if (hours > 0) return `${hours}h${minutes}m${rest}s`;
  return minutes > 0 ? `${minutes}m${rest}s` : `${rest}s`;
}
