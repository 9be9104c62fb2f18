// The paths that policies name: exact, with a trailing `*`, with `+` for one segment; and which of two is more specific.

/** A path of a policy, read once. */
export interface PathPattern {
  /** As written, without a leading `/`. Rules with the same text are one rule. */
  readonly text: string;
  /** `exact` has no wildcard, `prefix` a trailing `*` alone, `segments` at least one `+`. */
  readonly kind: 'exact' | 'prefix' | 'segments';
  /** The text without its trailing `*`. */
  readonly stem: string;
  readonly endsInStar: boolean;
  /** Of the stem. */
  readonly segments: readonly string[];
  /** Where the first `+` segment or the `*` stands, characters from the start; the length of the text if neither is there. */
  readonly firstWildcard: number;
  /** How many segments are `+`. */
  readonly wildcards: number;
}

/** Undefined for the one form that means nothing: `+*`. */
export function readPattern(written: string): PathPattern | undefined {
  const text = written.startsWith('/') ? written.slice(1) : written;
  if (text.includes('+*')) return undefined;
  const endsInStar = text.endsWith('*');
  const stem = endsInStar ? text.slice(0, -1) : text;
  const segments = stem.split('/');
  const wildcards = segments.filter((segment) => segment === '+').length;
  return {
    text,
    kind: wildcards > 0 ? 'segments' : endsInStar ? 'prefix' : 'exact',
    stem,
    endsInStar,
    segments,
    firstWildcard: wildcards > 0 ? offsetOf(segments, segments.indexOf('+')) : stem.length,
    wildcards,
  };
}

function offsetOf(segments: readonly string[], index: number): number {
  return segments.slice(0, index).reduce((sum, segment) => sum + segment.length + 1, 0);
}

/** `path` is `parts` joined by `/`; both are given, so that many patterns can be tried on one split. */
export function matches(pattern: PathPattern, path: string, parts: readonly string[]): boolean {
  if (pattern.kind === 'exact') return path === pattern.text;
  if (pattern.kind === 'prefix') return path.startsWith(pattern.stem);
  const { segments, endsInStar } = pattern;
  if (endsInStar ? parts.length < segments.length : parts.length !== segments.length) return false;
  return segments.every((segment, index) => matchesSegment(pattern, segment, index, parts[index] ?? ''));
}

function matchesSegment(pattern: PathPattern, segment: string, index: number, part: string): boolean {
  if (segment === '+' || segment === part) return true;
  return pattern.endsInStar && index === pattern.segments.length - 1 && part.startsWith(segment);
}

/**
 * Positive if `left` is more specific. Vault's five rules (docs/concepts/policies, "Policy syntax"), in their order:
 * the later first wildcard; no trailing `*`; fewer `+`; the longer; the greater in the order of characters.
 */
export function comparePriority(left: PathPattern, right: PathPattern): number {
  return (
    left.firstWildcard - right.firstWildcard ||
    Number(right.endsInStar) - Number(left.endsInStar) ||
    right.wildcards - left.wildcards ||
    left.stem.length - right.stem.length ||
    (left.stem < right.stem ? -1 : left.stem > right.stem ? 1 : 0)
  );
}

/** True if the pattern is about something below `folder`, which ends in `/`: it names it, or holds `+` where it stands. */
export function isBelow(pattern: PathPattern, folder: string): boolean {
  if (pattern.kind !== 'segments') return pattern.stem.startsWith(folder);
  const above = folder.split('/').slice(0, -1);
  for (const [index, part] of above.entries()) {
    const segment = pattern.segments[index];
    if (segment === undefined || !matchesSegment(pattern, segment, index, part)) return false;
    // A `*` inside the folder's own name takes in all that is below it.
    if (pattern.endsInStar && index === pattern.segments.length - 1) return true;
  }
  return pattern.segments.length > above.length;
}
