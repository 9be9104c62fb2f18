// The few forms of OData's $filter that clients of the directory send. An unknown form is refused, never ignored:
// answering with everything would hand the wrong principal to whoever takes the first.

import { ServiceError } from '../http/message.ts';

/** What a filter may look at, by Graph's names of it. */
export type Filterable = Record<string, string | readonly string[] | undefined>;

const QUOTED = "'((?:[^']|'')*)'";
const EQUALS = new RegExp(`^(\\w+)\\s+eq\\s+${QUOTED}$`, 'i');
const STARTS = new RegExp(`^startswith\\(\\s*(\\w+)\\s*,\\s*${QUOTED}\\s*\\)$`, 'i');
const ANY = new RegExp(`^(\\w+)/any\\(\\s*(\\w+)\\s*:\\s*(\\w+)\\s+eq\\s+${QUOTED}\\s*\\)$`, 'i');
const CHARS_MAX = 2000;

/** A predicate for `a eq 'x'`, `startswith(a,'x')`, `a/any(c:c eq 'x')`, joined by `and`; throws 400. */
export function parseFilter(
  text: string | undefined,
  names: readonly string[],
): (item: Filterable) => boolean {
  if (text === undefined || text.trim() === '') return () => true;
  if (text.length > CHARS_MAX) throw unsupported('it is too long');
  const tests = splitAnd(text).map((part) => parsePart(part.trim(), names));
  return (item) => tests.every((test) => test(item));
}

function parsePart(part: string, names: readonly string[]): (item: Filterable) => boolean {
  const any = ANY.exec(part);
  if (any && any[2]?.toLowerCase() === any[3]?.toLowerCase()) {
    const name = known(any[1], names);
    const wanted = unquote(any[4]);
    return (item) => [item[name] ?? []].flat().some((value) => value.toLowerCase() === wanted);
  }
  const equals = EQUALS.exec(part);
  const starts = STARTS.exec(part);
  const found = equals ?? starts;
  if (!found) throw unsupported(`this emulator does not understand '${part.slice(0, 200)}'`);
  const name = known(found[1], names);
  const wanted = unquote(found[2]);
  return (item) => {
    const value = item[name];
    if (typeof value !== 'string') return false;
    return equals ? value.toLowerCase() === wanted : value.toLowerCase().startsWith(wanted);
  };
}

/** Splits at `and` outside quotes. */
function splitAnd(text: string): string[] {
  return text.split(/\s+and\s+(?=(?:[^']*'[^']*')*[^']*$)/i);
}

function known(name: string | undefined, names: readonly string[]): string {
  const found = names.find((candidate) => candidate.toLowerCase() === name?.toLowerCase());
  if (!found) throw unsupported(`'${name}' cannot be filtered by here`);
  return found;
}

function unquote(text: string | undefined): string {
  return (text ?? '').replaceAll("''", "'").toLowerCase();
}

function unsupported(reason: string): ServiceError {
  return new ServiceError(
    400,
    'Request_UnsupportedQuery',
    `Unsupported or invalid query filter clause: ${reason}.`,
  );
}
