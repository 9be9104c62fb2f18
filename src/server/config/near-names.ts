// Finds the known name that a mistyped one was meant to be.

/** Longer names are not compared: no known one is near, and the work grows with the square. */
const NAME_CHARACTERS_MAX = 80;

/**
 * The name of `known` nearest to `name`, with its distance, or undefined if none is near enough to suggest.
 * Distance 0: same letters but for case, `_` and `-`. A known name that starts with `name` is near at any distance.
 */
export function nearestName(
  name: string,
  known: Iterable<string>,
): { name: string; distance: number } | undefined {
  if (name.length > NAME_CHARACTERS_MAX) return undefined;
  const letters = bare(name);
  let best: { name: string; distance: number } | undefined;
  for (const candidate of known) {
    let distance =
      bare(candidate) === letters ? 0 : editDistance(name.toLowerCase(), candidate.toLowerCase());
    // Beyond what counts as a typing error, and yet a better guess than none.
    if (name.length >= 4 && candidate.startsWith(name)) distance = Math.min(distance, 3);
    if (!best || distance < best.distance) best = { name: candidate, distance };
  }
  const near = Math.max(2, Math.floor(name.length / 3));
  return best && (best.distance <= near || best.name.startsWith(name)) ? best : undefined;
}

/** Levenshtein: single characters inserted, deleted, replaced. */
export function editDistance(left: string, right: string): number {
  let above = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const line = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const same = left[row - 1] === right[column - 1] ? 0 : 1;
      const replaced = (above[column - 1] ?? 0) + same;
      line.push(Math.min(replaced, (above[column] ?? 0) + 1, (line[column - 1] ?? 0) + 1));
    }
    above = line;
  }
  return above[right.length] ?? 0;
}

function bare(name: string): string {
  return name.toLowerCase().replaceAll(/[_-]/g, '');
}
