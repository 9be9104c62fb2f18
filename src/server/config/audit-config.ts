// Reads the `audit` stanzas: devices that are enabled by the config, in OpenBao's form.
// https://openbao.org/docs/configuration/audit/

import type { HclBody, HclEntry, HclValue } from '../../base/hcl/hcl-tree.ts';
import type { AuditDeviceConfig } from './config.ts';
import type { Findings } from './findings.ts';
import { keyTable } from './known-keys.ts';
import { quote, Stanza, showKind } from './stanza.ts';
import { bodies } from './stanza-forms.ts';

const KEYS = keyTable({ used: 'description local options path type' });
const TYPES = ['file', 'stdout', 'socket'];

/** `names` are those that the stanza has by its labels, or by the members of a JSON object: type, then path. */
interface Found {
  readonly names: readonly string[];
  readonly body: HclBody;
}

export function readAuditDevices(root: HclBody, findings: Findings): AuditDeviceConfig[] {
  const devices: AuditDeviceConfig[] = [];
  for (const entry of root.entries.filter(({ key }) => key.text.toLowerCase() === 'audit')) {
    for (const found of stanzasOf(entry, findings)) {
      const device = readDevice(found, findings);
      if (devices.some(({ path }) => path.startsWith(device.path) || device.path.startsWith(path))) {
        findings.fault(found.body.at, `audit: the path ${quote(device.path)} is taken by another device`);
      }
      devices.push(device);
    }
  }
  return devices;
}

function stanzasOf(entry: HclEntry, findings: Findings): Found[] {
  const labels = entry.labels.map((label) => label.text);
  if (labels.length > 2)
    findings.fault(entry.key.at, 'audit takes two labels, type and path; remove the third');
  return bodies(entry.value, entry.key, findings).flatMap((body) =>
    // A fault about something missing points to the keyword, not to the brace.
    unfold({ names: labels, body: { ...body, at: entry.key.at } }, findings),
  );
}

/** `{"audit": {"file": {"to-stdout": {…}}}}` says in objects what HCL says in labels. */
function unfold(found: Found, findings: Findings): Found[] {
  const { names, body } = found;
  const isDevice = body.entries.some(({ key }) => KEYS.used.has(key.text.toLowerCase()));
  if (names.length >= 2 || isDevice || body.entries.length === 0) return [found];
  return body.entries.flatMap(({ key, value }) =>
    bodies(value, key, findings).flatMap((inner) =>
      unfold({ names: [...names, key.text], body: { ...inner, at: key.at } }, findings),
    ),
  );
}

function readDevice({ names, body }: Found, findings: Findings): AuditDeviceConfig {
  const stanza = new Stanza('audit', body, KEYS, findings, { blocks: new Set(['options']) });
  const [labelType, labelPath] = names;
  const type = labelType ?? stanza.string('type') ?? '';
  const path = `${(labelPath ?? stanza.string('path') ?? type).replace(/\/+$/, '')}/`;
  for (const [key, label] of [
    ['type', labelType],
    ['path', labelPath],
  ] as const) {
    if (label !== undefined && stanza.has(key)) {
      stanza.fault(key, `${key} is given by the label ${quote(label)} already; remove the line`);
    }
  }
  if (!TYPES.includes(type)) {
    stanza.fault('type', `the type ${quote(type)} is not known; there are: ${TYPES.join(', ')}`);
  }
  if (!/^[\w.-]+(?:\/[\w.-]+)*\/$/.test(path) || path.length > 128) {
    stanza.fault('path', 'the path of an audit device is 1 to 128 of 0-9 A-Z a-z _ . - and /');
  }
  return {
    type,
    path,
    description: stanza.string('description') ?? '',
    local: stanza.boolean('local') ?? false,
    options: readOptions(body, findings),
  };
}

/** Which options there are, and what they may be, knows the device. */
function readOptions(body: HclBody, findings: Findings): Record<string, string> {
  const options = new Map<string, string>();
  for (const { key, value } of body.entries.filter((entry) => entry.key.text.toLowerCase() === 'options')) {
    for (const inner of bodies(value, key, findings)) {
      for (const option of inner.entries) {
        const text = scalarOf(option.value);
        if (text !== undefined) options.set(option.key.text, text);
        else {
          findings.fault(
            option.value.at,
            `audit: option ${quote(option.key.text)} must be text, found ${showKind(option.value)}`,
          );
        }
      }
    }
  }
  return Object.fromEntries(options);
}

function scalarOf(value: HclValue): string | undefined {
  if (value.kind === 'string') return value.value;
  if (value.kind === 'number') return value.text;
  return value.kind === 'boolean' ? String(value.value) : undefined;
}
