// What a probe sees that is not wrong yet.

import { SealFault } from '../seal.ts';
import { type Noun, oneLine } from './encounter.ts';
import type { VersionFacts } from './vault-call.ts';

const DAY_MS = 86_400_000;
/** How long before its expiry a version is warned of, days. */
const EXPIRY_DAYS = 30;

/**
 * @param versions all versions, or why they could not be listed: that is a warning as well, since a start needs only
 * to read the one version that its copy pins.
 */
export function warningsOf(
  noun: Noun,
  newest: VersionFacts,
  versions: readonly VersionFacts[] | SealFault,
  nowMs: number,
): string[] {
  const warnings: string[] = [];
  if (versions instanceof SealFault) {
    warnings.push(oneLine(`cannot list the versions of the ${noun}: ${versions.message}`));
  } else {
    const off = versions.filter(({ enabled }) => !enabled).map(({ version }) => version);
    if (off.length > 0) {
      warnings.push(
        oneLine(`disabled, so that a copy pinned to it does not open: version ${off.join(', ')}`),
      );
    }
  }
  const listed = versions instanceof SealFault ? [newest] : versions;
  for (const facts of listed.filter(({ enabled }) => enabled))
    warnings.push(...validityWarnings(facts, nowMs));
  // Every level without purge protection has the word in it (Key Vault REST, DeletionRecoveryLevel).
  if (newest.recoveryLevel?.includes('Purgeable')) {
    warnings.push(
      `the vault has no purge protection (${newest.recoveryLevel}): a purged KEK takes this cluster and its backups with it`,
    );
  }
  return warnings;
}

/** A list that is refused is no reason to fail; a caller who gave up is. */
export async function orFault<T>(call: Promise<T>): Promise<T | SealFault> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof SealFault && error.facts.class !== 'cancelled') return error;
    throw error;
  }
}

function validityWarnings({ version, notBefore, expiresOn }: VersionFacts, nowMs: number): string[] {
  const warnings: string[] = [];
  if (notBefore !== undefined && notBefore.getTime() > nowMs) {
    warnings.push(`version ${version} is not valid before ${notBefore.toISOString()}`);
  }
  if (expiresOn === undefined) return warnings;
  const daysLeft = Math.floor((expiresOn.getTime() - nowMs) / DAY_MS);
  if (daysLeft < 0) warnings.push(`version ${version} expired on ${expiresOn.toISOString()}`);
  else if (daysLeft < EXPIRY_DAYS)
    warnings.push(`version ${version} expires in ${daysLeft} days, on ${expiresOn.toISOString()}`);
  return warnings;
}
