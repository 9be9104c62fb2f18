// Reads an ARM path: which kind of thing it names, and at which scope. Words match without regard to case
// (az writes `resourcegroups`), names keep theirs.

export type ArmKind =
  | 'tenants'
  | 'locations'
  | 'providers'
  | 'provider'
  | 'registerProvider'
  | 'resources'
  | 'checkVaultName'
  | 'checkHsmName'
  | 'managedHsms'
  | 'deletedManagedHsms'
  | 'accessPolicies'
  | 'subscriptions'
  | 'subscription'
  | 'groups'
  | 'group'
  | 'vaults'
  | 'vault'
  | 'deletedVaults'
  | 'deletedVault'
  | 'purgeVault'
  | 'identities'
  | 'identity'
  | 'federatedCredentials'
  | 'federatedCredential'
  | 'roleAssignments'
  | 'roleAssignment'
  | 'roleDefinitions'
  | 'roleDefinition';

export interface ArmPath {
  kind: ArmKind;
  /** Resource id of what the right is asked for: the thing itself, or for lists the thing that holds them. */
  scope: string;
  subscriptionId?: string;
  group?: string;
  name?: string;
  /** `add`, `replace` or `remove`, below a vault's access policies. */
  change?: string;
  /** Name of a federated credential below the identity `name`. */
  credential?: string;
  location?: string;
}

const IDENTITY = 'resourcegroups/:group/providers/microsoft.managedidentity/userassignedidentities/:name';

/** `:x` takes any segment as x. Below a subscription id; extension resources are told apart first. */
const PATTERNS: readonly [pattern: string, kind: ArmKind][] = [
  ['', 'subscription'],
  ['locations', 'locations'],
  ['providers', 'providers'],
  ['providers/:name', 'provider'],
  ['providers/:name/register', 'registerProvider'],
  ['resources', 'resources'],
  ['resourcegroups/:group/resources', 'resources'],
  ['providers/microsoft.keyvault/checknameavailability', 'checkVaultName'],
  ['providers/microsoft.keyvault/checkmhsmnameavailability', 'checkHsmName'],
  ['providers/microsoft.keyvault/managedhsms', 'managedHsms'],
  ['resourcegroups/:group/providers/microsoft.keyvault/managedhsms', 'managedHsms'],
  ['providers/microsoft.keyvault/deletedmanagedhsms', 'deletedManagedHsms'],
  ['resourcegroups', 'groups'],
  ['resourcegroups/:group', 'group'],
  ['providers/microsoft.keyvault/vaults', 'vaults'],
  ['providers/microsoft.keyvault/deletedvaults', 'deletedVaults'],
  ['providers/microsoft.keyvault/locations/:location/deletedvaults/:name', 'deletedVault'],
  ['providers/microsoft.keyvault/locations/:location/deletedvaults/:name/purge', 'purgeVault'],
  ['providers/microsoft.managedidentity/userassignedidentities', 'identities'],
  ['resourcegroups/:group/providers/microsoft.keyvault/vaults', 'vaults'],
  ['resourcegroups/:group/providers/microsoft.keyvault/vaults/:name', 'vault'],
  [
    'resourcegroups/:group/providers/microsoft.keyvault/vaults/:name/accesspolicies/:change',
    'accessPolicies',
  ],
  ['resourcegroups/:group/providers/microsoft.managedidentity/userassignedidentities', 'identities'],
  [IDENTITY, 'identity'],
  [`${IDENTITY}/federatedidentitycredentials`, 'federatedCredentials'],
  [`${IDENTITY}/federatedidentitycredentials/:credential`, 'federatedCredential'],
];

const EXTENSIONS: Record<string, { list: ArmKind; one: ArmKind }> = {
  roleassignments: { list: 'roleAssignments', one: 'roleAssignment' },
  roledefinitions: { list: 'roleDefinitions', one: 'roleDefinition' },
};

const LISTS = new Set<ArmKind>([
  'vaults',
  'identities',
  'groups',
  'deletedVaults',
  'locations',
  'providers',
  'provider',
  'registerProvider',
  'resources',
  'checkVaultName',
  'checkHsmName',
  'managedHsms',
  'deletedManagedHsms',
]);

/** undefined: nothing that this emulator has. */
export function parseArmPath(segments: string[]): ArmPath | undefined {
  const words = segments.map((segment) => segment.toLowerCase());
  const extension = parseExtension(segments, words);
  if (extension) return extension;
  if (words[0] === 'tenants' && words.length === 1) return { kind: 'tenants', scope: '/' };
  if (words[0] !== 'subscriptions') return undefined;
  const subscriptionId = words[1];
  if (subscriptionId === undefined) return { kind: 'subscriptions', scope: '/' };
  for (const [pattern, kind] of PATTERNS) {
    const names = match(pattern, segments.slice(2), words.slice(2));
    if (!names) continue;
    const id = `/${segments.join('/')}`;
    // A list asks for the right at what holds it: the group, or the subscription.
    const holder = names.group ? `/${segments.slice(0, 4).join('/')}` : `/${segments.slice(0, 2).join('/')}`;
    // Federated credentials are held by their identity, access policies are a part of their vault.
    if (kind === 'federatedCredentials') {
      return { kind, subscriptionId, ...names, scope: `/${segments.slice(0, -1).join('/')}` };
    }
    if (kind === 'accessPolicies') {
      return { kind, subscriptionId, ...names, scope: `/${segments.slice(0, -2).join('/')}` };
    }
    return { kind, subscriptionId, ...names, scope: LISTS.has(kind) ? holder : id };
  }
  return undefined;
}

/** `{scope}/providers/Microsoft.Authorization/roleAssignments[/{name}]` and the same for roleDefinitions. */
function parseExtension(segments: string[], words: string[]): ArmPath | undefined {
  const at = words.lastIndexOf('microsoft.authorization');
  if (at < 1 || words[at - 1] !== 'providers') return undefined;
  const kinds = EXTENSIONS[words[at + 1] ?? ''];
  if (!kinds || segments.length > at + 3) return undefined;
  const name = segments[at + 2];
  const scope = `/${segments.slice(0, at - 1).join('/')}`;
  const subscriptionId = words[0] === 'subscriptions' ? words[1] : undefined;
  return { kind: name === undefined ? kinds.list : kinds.one, scope, subscriptionId, name };
}

function match(pattern: string, segments: string[], words: string[]): Record<string, string> | undefined {
  const parts = pattern === '' ? [] : pattern.split('/');
  if (parts.length !== segments.length) return undefined;
  const names: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    if (part.startsWith(':')) names[part.slice(1)] = segments[index] ?? '';
    else if (part !== words[index]) return undefined;
  }
  return names;
}
