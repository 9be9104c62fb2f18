// Finds typed stanzas in all the forms in which HCL1 and JSON write them.

import type { HclBody, HclEntry, HclName, HclPosition, HclValue } from '../../base/hcl/hcl-tree.ts';
import type { Findings } from './findings.ts';
import { showKind } from './stanza.ts';

export interface TypedStanza {
  /** Lower case; undefined if none is written. */
  readonly type: string | undefined;
  readonly body: HclBody;
  /** Where the stanza's keyword stands. */
  readonly at: HclPosition;
}

/**
 * All of these mean the same, and each may be a list in JSON:
 * `listener "tcp" { … }` · `listener { type = "tcp" … }` · `{"listener": {"tcp": {…}}}` · `{"listener": [{"tcp": {…}}]}`.
 */
export function typedStanzas(entry: HclEntry, findings: Findings, labelsMax = 1): TypedStanza[] {
  const found: TypedStanza[] = [];
  const [label, second] = entry.labels;
  if (second && labelsMax === 1) {
    findings.fault(second.at, `${entry.key.text} takes one label, its type; remove the second`);
  }
  for (const body of bodies(entry.value, entry.key, findings)) {
    // A fault about something missing points to the keyword, not to the brace.
    const placed = { ...body, at: entry.key.at };
    if (label) found.push({ type: label.text.toLowerCase(), body: placed, at: entry.key.at });
    else found.push(...unlabelled(entry.key, placed, findings));
  }
  return found;
}

/** The bodies of a block that may come once or as a list. */
export function bodies(value: HclValue, key: HclName, findings: Findings): HclBody[] {
  if (value.kind === 'body') return [value];
  if (value.kind === 'list') return value.items.flatMap((item) => bodies(item, key, findings));
  findings.fault(value.at, `${key.text} must be a block { … }, found ${showKind(value)}`);
  return [];
}

function unlabelled(key: HclName, body: HclBody, findings: Findings): TypedStanza[] {
  const typeEntry = body.entries.find((entry) => entry.key.text.toLowerCase() === 'type');
  if (typeEntry?.value.kind === 'string') {
    return [{ type: typeEntry.value.value.toLowerCase(), body, at: key.at }];
  }
  const nested = body.entries.length > 0 && body.entries.every((entry) => holdsBodies(entry.value));
  if (!nested) return [{ type: undefined, body, at: key.at }];
  return body.entries.flatMap((entry) =>
    bodies(entry.value, entry.key, findings).map((inner) => ({
      type: entry.key.text.toLowerCase(),
      body: { ...inner, at: entry.key.at },
      at: entry.key.at,
    })),
  );
}

function holdsBodies(value: HclValue): boolean {
  return (
    value.kind === 'body' || (value.kind === 'list' && value.items.every((item) => item.kind === 'body'))
  );
}
