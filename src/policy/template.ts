// Policy paths with values of the caller in them: `secret/data/{{token.metadata.team}}/*`.

/** Literal text and names by turns: `secret/`, {name}, `/*`. */
export type TemplatePart = string | { readonly name: string };

/** Who asks, as far as a template may look. */
export interface TemplateSubject {
  /** What a login found out. Not what a token's maker chose: that would let anybody be anybody. */
  readonly loginMetadata: Readonly<Record<string, string>>;
}

/** Names that have a value here start with this; the rest is the key. */
const METADATA = 'token.metadata.';

/** Undefined if the braces do not pair up. A text without braces is one literal part. */
export function readTemplate(text: string): readonly TemplatePart[] | undefined {
  const parts: TemplatePart[] = [];
  const [head = '', ...rest] = text.split('{{');
  if (head.includes('}}')) return undefined;
  parts.push(head);
  for (const piece of rest) {
    const [name = '', tail, ...extra] = piece.split('}}');
    if (tail === undefined || extra.length > 0) return undefined;
    parts.push({ name: name.trim() }, tail);
  }
  return parts.filter((part) => part !== '');
}

export function templateNames(parts: readonly TemplatePart[]): readonly string[] {
  return parts.flatMap((part) => (typeof part === 'string' ? [] : [part.name]));
}

/** False for names that never have a value: `identity.*` (there is no identity room) and misspelt ones. */
export function isResolvable(name: string): boolean {
  return name.startsWith(METADATA) && name.length > METADATA.length;
}

/**
 * The value of a name for this caller; undefined if there is none that may stand in a path. Wildcards and slashes are
 * refused: a user called `*` or `a/../b` must not get what the author of the policy meant for one folder.
 */
export function resolve(name: string, subject: TemplateSubject): string | undefined {
  if (!isResolvable(name)) return undefined;
  const key = name.slice(METADATA.length);
  const value = Object.hasOwn(subject.loginMetadata, key) ? subject.loginMetadata[key] : undefined;
  return value === undefined || value === '' || /[*+/]/.test(value) || isDots(value) ? undefined : value;
}

function isDots(value: string): boolean {
  return value === '.' || value === '..';
}

/** The path for this caller; undefined if a name has no value, and then the path grants nothing. */
export function fillTemplate(parts: readonly TemplatePart[], subject: TemplateSubject): string | undefined {
  let text = '';
  for (const part of parts) {
    const value = typeof part === 'string' ? part : resolve(part.name, subject);
    if (value === undefined) return undefined;
    text += value;
  }
  return text;
}
