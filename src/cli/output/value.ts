// Values in table cells, as Go's `%v` prints them: that is what Vault's users see and their scripts cut apart.

import { formatDuration } from '../../base/durations.ts';
import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import { exactNumber } from '../../client/exact-json.ts';
import { type Row, table } from './table.ts';

/** `map[a:1 b:2]`, `[x y]`, `<nil>`. */
export function show(value: JsonValue): string {
  if (value === null) return '<nil>';
  const exact = exactNumber(value);
  if (exact !== undefined) return exact;
  if (Array.isArray(value)) return `[${value.map(show).join(' ')}]`;
  if (isObject(value)) {
    const members = sortedEntries(value).map(([name, member]) => `${name}:${show(member)}`);
    return `map[${members.join(' ')}]`;
  }
  return String(value);
}

/** `["a" "b"]`, Go's `%q` of a list of strings. */
export function showQuoted(texts: readonly string[]): string {
  return `[${texts.map((text) => JSON.stringify(text)).join(' ')}]`;
}

/** Rows in the order of their names; a number under a name like `ttl` is seconds and shown as a duration. */
export function rowsOf(data: JsonObject): Row[] {
  return sortedEntries(data).map(([name, value]) => {
    return [name, isSeconds(name) && typeof value === 'number' ? showSeconds(value) : show(value)];
  });
}

/** Empty if there is nothing to show. */
export function keyValueTable(rows: readonly Row[]): string {
  return rows.length === 0 ? '' : table(['Key', 'Value'], rows);
}

/** `768h`, `1h30m`, `0s`: a duration without zeros at its end. */
export function showSeconds(seconds: number): string {
  return formatDuration(seconds * 1_000)
    .replace(/m0s$/, 'm')
    .replace(/h0m/, 'h');
}

/** Members in byte order, as Go sorts map keys. */
export function sortedEntries(object: JsonObject): [string, JsonValue][] {
  return Object.entries(object).sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
}

function isSeconds(name: string): boolean {
  return /(^|_)(period|ttl|duration)$/.test(name) || name === 'lease_max' || name === 'ttl_max';
}
