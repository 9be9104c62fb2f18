// Built-in roles as data. Ids and data actions: Azure's list of built-in roles; only those of Key Vault and the three
// general ones are here.

export interface Permissions {
  actions: string[];
  notActions: string[];
  dataActions: string[];
  notDataActions: string[];
}

export interface RoleDefinition {
  /** GUID; the full id is /subscriptions/{s}/providers/Microsoft.Authorization/roleDefinitions/{name}. */
  name: string;
  roleName: string;
  description: string;
  permissions: Permissions;
  type: 'BuiltInRole' | 'CustomRole';
  /** Resource ids at and below which it can be assigned; `/` is everywhere. */
  assignableScopes: string[];
  /** Role assignments written by holders of this role may name these roles only (stands for Azure's condition). */
  mayAssign?: string[];
}

const VAULTS = 'Microsoft.KeyVault/vaults';

/** Management rights that come with the data roles whose holders work in the portal. */
const BROWSE_VAULTS = [
  'Microsoft.Authorization/*/read',
  'Microsoft.Resources/deployments/*',
  'Microsoft.Resources/subscriptions/resourceGroups/read',
  'Microsoft.KeyVault/checkNameAvailability/read',
  'Microsoft.KeyVault/deletedVaults/read',
  'Microsoft.KeyVault/locations/*/read',
  `${VAULTS}/*/read`,
  'Microsoft.KeyVault/operations/read',
];

const CRYPTO_USER_VERBS = ['update', 'backup', 'encrypt', 'decrypt', 'wrap', 'unwrap', 'sign', 'verify'];

export const BUILT_IN_ROLES: readonly RoleDefinition[] = [
  role('8e3af657-a8ff-443c-a75c-2fe8c4bcb635', 'Owner', 'Full management access, including who has access.', {
    actions: ['*'],
  }),
  role(
    'b24988ac-6180-42a0-ab88-20f7382dd24c',
    'Contributor',
    'Full management access, except who has access.',
    {
      actions: ['*'],
      notActions: [
        'Microsoft.Authorization/*/Delete',
        'Microsoft.Authorization/*/Write',
        'Microsoft.Authorization/elevateAccess/Action',
      ],
    },
  ),
  role('acdd72a7-3385-48ef-bd42-f606fba81ae7', 'Reader', 'Sees all resources, changes none.', {
    actions: ['*/read'],
  }),
  role('00482a5a-887f-4fb3-b363-3b7fe8e74483', 'Key Vault Administrator', 'All data of a vault.', {
    actions: BROWSE_VAULTS,
    dataActions: [`${VAULTS}/*`],
  }),
  role('21090545-7ca7-4776-b22c-e363652d74d2', 'Key Vault Reader', 'Metadata of all objects, no values.', {
    actions: BROWSE_VAULTS,
    dataActions: [`${VAULTS}/*/read`, `${VAULTS}/secrets/readMetadata/action`],
  }),
  role('b86a8fe4-44ce-4948-aee5-eccb2c155cd7', 'Key Vault Secrets Officer', 'Any action on secrets.', {
    actions: BROWSE_VAULTS,
    dataActions: [`${VAULTS}/secrets/*`],
  }),
  role('4633458b-17de-408a-b874-0445c86b69e6', 'Key Vault Secrets User', 'Reads secrets and their values.', {
    dataActions: [`${VAULTS}/secrets/getSecret/action`, `${VAULTS}/secrets/readMetadata/action`],
  }),
  role('14b46e9e-c2b7-41b4-b07b-48a6ebf60603', 'Key Vault Crypto Officer', 'Any action on keys.', {
    actions: BROWSE_VAULTS,
    dataActions: [`${VAULTS}/keys/*`, `${VAULTS}/keyrotationpolicies/*`],
  }),
  role(
    '12338af0-0e69-4776-bea7-57ae8d297424',
    'Key Vault Crypto User',
    'Cryptographic operations with keys.',
    {
      dataActions: [
        `${VAULTS}/keys/read`,
        ...CRYPTO_USER_VERBS.map((verb) => `${VAULTS}/keys/${verb}/action`),
      ],
    },
  ),
  role(
    'e147488a-f6f5-4113-8e2d-b22465e65bf6',
    'Key Vault Crypto Service Encryption User',
    'Reads keys, wraps and unwraps.',
    { dataActions: [`${VAULTS}/keys/read`, `${VAULTS}/keys/wrap/action`, `${VAULTS}/keys/unwrap/action`] },
  ),
  role('08bbd89e-9f13-488c-ac41-acfcb10c90ab', 'Key Vault Crypto Service Release User', 'Releases keys.', {
    dataActions: [`${VAULTS}/keys/release/action`],
  }),
  role(
    'a4417e6f-fecd-4de8-b567-7b0420556985',
    'Key Vault Certificates Officer',
    'Any action on certificates.',
    {
      actions: BROWSE_VAULTS,
      dataActions: [
        `${VAULTS}/certificatecas/*`,
        `${VAULTS}/certificates/*`,
        `${VAULTS}/certificatecontacts/write`,
      ],
    },
  ),
  role('db79e9a7-68ee-4b58-9aeb-b90e7c24fcba', 'Key Vault Certificate User', 'Reads certificates entire.', {
    dataActions: [
      `${VAULTS}/certificates/read`,
      `${VAULTS}/secrets/getSecret/action`,
      `${VAULTS}/secrets/readMetadata/action`,
      `${VAULTS}/keys/read`,
    ],
  }),
  role('f25e0fa2-a7c8-4377-a976-54943a77a395', 'Key Vault Contributor', 'Manages vaults, not their data.', {
    actions: [
      'Microsoft.Authorization/*/read',
      'Microsoft.KeyVault/*',
      'Microsoft.Resources/deployments/*',
      'Microsoft.Resources/subscriptions/resourceGroups/read',
    ],
    notActions: [
      'Microsoft.KeyVault/locations/deletedVaults/purge/action',
      'Microsoft.KeyVault/hsmPools/*',
      'Microsoft.KeyVault/managedHsms/*',
    ],
  }),
  {
    ...role(
      '8b54135c-b56d-4d72-a534-26097cfdc8d8',
      'Key Vault Data Access Administrator',
      'Assigns Key Vault data roles.',
      {
        actions: [
          ...BROWSE_VAULTS,
          'Microsoft.Authorization/roleAssignments/write',
          'Microsoft.Authorization/roleAssignments/delete',
          'Microsoft.Resources/subscriptions/read',
        ],
      },
    ),
    mayAssign: [
      '00482a5a-887f-4fb3-b363-3b7fe8e74483',
      '21090545-7ca7-4776-b22c-e363652d74d2',
      'b86a8fe4-44ce-4948-aee5-eccb2c155cd7',
      '4633458b-17de-408a-b874-0445c86b69e6',
      '14b46e9e-c2b7-41b4-b07b-48a6ebf60603',
      '12338af0-0e69-4776-bea7-57ae8d297424',
      'e147488a-f6f5-4113-8e2d-b22465e65bf6',
      'a4417e6f-fecd-4de8-b567-7b0420556985',
    ],
  },
];

function role(
  name: string,
  roleName: string,
  description: string,
  permissions: Partial<Permissions>,
): RoleDefinition {
  return {
    name,
    roleName,
    description,
    type: 'BuiltInRole',
    assignableScopes: ['/'],
    permissions: { actions: [], notActions: [], dataActions: [], notDataActions: [], ...permissions },
  };
}
