// Paths as people type them.

import { UsageError } from './failure.ts';

/** Without blanks and slashes at both ends. */
export function plainPath(path: string): string {
  return path.trim().replace(/^\/+|\/+$/g, '');
}

/** As `plainPath`, where nothing would mean another route, or everything. @throws UsageError. */
export function namedPath(path: string | undefined): string {
  const plain = plainPath(path ?? '');
  if (plain === '') throw new UsageError('the path must not be empty');
  return plain;
}
