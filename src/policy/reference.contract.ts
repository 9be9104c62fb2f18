// A slow and obvious reading of Vault's page docs/concepts/policies, for tests to hold the fast one against. It shares
// no code with it: paths become regular expressions, and every rule is looked at on every question.

export interface PlainRule {
  readonly path: string;
  readonly capabilities: readonly string[];
  readonly allowed?: Readonly<Record<string, readonly string[]>>;
  readonly denied?: Readonly<Record<string, readonly string[]>>;
  readonly required?: readonly string[];
  /** Seconds. */
  readonly minWrap?: number;
  readonly maxWrap?: number;
}

export interface PlainQuestion {
  readonly operation: string;
  readonly path: string;
  readonly input: Readonly<Record<string, string>>;
  /** Seconds; undefined if the answer is not to be wrapped. */
  readonly wrap?: number;
}

/** As HCL; the reader is tried along with the rest. */
export function toHcl(rule: PlainRule): string {
  const lines = [`capabilities = ${JSON.stringify(rule.capabilities)}`];
  const map = (entries: Readonly<Record<string, readonly string[]>>) =>
    Object.entries(entries).map(([name, values]) => `${JSON.stringify(name)} = ${JSON.stringify(values)}`);
  if (rule.allowed) lines.push(`allowed_parameters = {\n${map(rule.allowed).join('\n')}\n}`);
  if (rule.denied) lines.push(`denied_parameters = {\n${map(rule.denied).join('\n')}\n}`);
  if (rule.required) lines.push(`required_parameters = ${JSON.stringify(rule.required)}`);
  if (rule.minWrap) lines.push(`min_wrapping_ttl = ${rule.minWrap}`);
  if (rule.maxWrap) lines.push(`max_wrapping_ttl = "${rule.maxWrap}s"`);
  return `path ${JSON.stringify(rule.path)} {\n${lines.join('\n')}\n}\n`;
}

export function referenceAllows(rules: readonly PlainRule[], question: PlainQuestion): boolean {
  const { operation, path, input, wrap } = question;
  const chosen = referenceRules(rules, path, operation === 'list');
  const has = (capability: string) => chosen.some((rule) => rule.capabilities.includes(capability));
  if (has('deny') || !has(operation)) return false;
  const mins = chosen.flatMap((rule) => rule.minWrap ?? []);
  const maxs = chosen.flatMap((rule) => rule.maxWrap ?? []);
  if (mins.length + maxs.length > 0 && wrap === undefined) return false;
  if (mins.length > 0 && Number(wrap) < Math.min(...mins)) return false;
  if (maxs.length > 0 && Number(wrap) > Math.min(...maxs)) return false;
  if (operation === 'list' || operation === 'delete') return true;
  return parametersAllowed(chosen, input);
}

/** Sorted, or `deny`. */
export function referenceCapabilities(rules: readonly PlainRule[], path: string): readonly string[] {
  const all = new Set(referenceRules(rules, path, true).flatMap((rule) => rule.capabilities));
  return all.has('deny') || all.size === 0 ? ['deny'] : [...all].sort();
}

/** Every rule that has the same path as the most specific one that fits. */
function referenceRules(rules: readonly PlainRule[], path: string, isList: boolean): readonly PlainRule[] {
  const tries = isList && path.endsWith('/') ? [path, path.slice(0, -1)] : [path];
  const isWild = (rule: PlainRule) => rule.path.endsWith('*') || rule.path.split('/').includes('+');
  for (const wanted of tries) {
    const exact = rules.filter((rule) => !isWild(rule) && rule.path === wanted);
    if (exact.length > 0) return exact;
  }
  for (const wanted of tries) {
    const fitting = rules.filter((rule) => isWild(rule) && toRegExp(rule.path).test(wanted));
    const best = fitting.reduce<PlainRule | undefined>(
      (winner, rule) => (winner === undefined || isLower(winner.path, rule.path) ? rule : winner),
      undefined,
    );
    if (best !== undefined) return fitting.filter((rule) => rule.path === best.path);
  }
  return [];
}

function toRegExp(path: string): RegExp {
  const stem = path.endsWith('*') ? path.slice(0, -1) : path;
  const parts = stem.split('/').map((part) => (part === '+' ? '[^/]*' : RegExp.escape(part)));
  return new RegExp(`^${parts.join('/')}${path.endsWith('*') ? '.*' : ''}$`, 's');
}

/** The five rules, each in the words of the page: true if `p1` has the lower priority. */
function isLower(p1: string, p2: string): boolean {
  const firstWildcard = (path: string) =>
    `/${path}`.search(/\/\+(?=\/|$)|\*$/) + (/\/\+(\/|$)/.test(`/${path}`) ? 1 : 0);
  if (firstWildcard(p1) !== firstWildcard(p2)) return firstWildcard(p1) < firstWildcard(p2);
  if (p1.endsWith('*') !== p2.endsWith('*')) return p1.endsWith('*');
  const pluses = (path: string) => path.split('/').filter((part) => part === '+').length;
  if (pluses(p1) !== pluses(p2)) return pluses(p1) > pluses(p2);
  if (p1.length !== p2.length) return p1.length < p2.length;
  return p1 < p2;
}

function parametersAllowed(rules: readonly PlainRule[], input: Readonly<Record<string, string>>): boolean {
  if (rules.some((rule) => rule.required?.some((name) => !(name.toLowerCase() in input)))) return false;
  return Object.entries(input).every(([name, value]) => {
    const denials = rules.flatMap((rule) => rule.denied?.[name] ?? []);
    const isAnyDenied = rules.some((rule) => rule.denied?.['*'] || rule.denied?.[name]?.length === 0);
    if (
      isAnyDenied ||
      [value, ...value.split(',')].some((item) => denials.some((glob) => globFits(glob, item)))
    ) {
      return false;
    }
    const lists = rules.flatMap((rule) =>
      Object.keys(rule.allowed ?? {}).length > 0 ? [rule.allowed ?? {}] : [],
    );
    if (lists.length === 0) return true;
    const named = lists.filter((list) => list[name] !== undefined);
    if (named.length === 0) return lists.some((list) => list['*'] !== undefined);
    return named.some(
      (list) => list[name]?.length === 0 || list[name]?.some((glob) => globFits(glob, value)),
    );
  });
}

function globFits(glob: string, value: string): boolean {
  const middle = glob.replace(/^\*/, '').replace(/\*$/, '');
  const before = glob.startsWith('*') ? '.*' : '';
  const after = glob.endsWith('*') ? '.*' : '';
  return new RegExp(`^${before}${RegExp.escape(middle)}${after}$`, 's').test(value);
}
