// What ARM answers: resources in its envelope of id, name, type, location, tags, properties.

import type { FederatedCredential } from '../entra/credentials.ts';
import type { NetworkRules, Vault } from '../key-vault/vault.ts';
import type { RoleAssignment } from '../rbac/domain.ts';
import type { RoleDefinition } from '../rbac/roles.ts';
import { IDENTITY_TYPE, type Identity, type ResourceGroup, type Subscription, VAULT_TYPE } from './domain.ts';

export function renderSubscription(subscription: Subscription, tenantId: string) {
  return {
    id: subscription.id,
    subscriptionId: subscription.subscriptionId,
    tenantId,
    displayName: 'Local Azure',
    state: 'Enabled',
    subscriptionPolicies: {
      locationPlacementId: 'Public_2014-09-01',
      quotaId: 'PayAsYouGo_2014-09-01',
      spendingLimit: 'Off',
    },
    authorizationSource: 'RoleBased',
  };
}

export function renderGroup(group: ResourceGroup) {
  return {
    id: group.id,
    name: group.name,
    type: 'Microsoft.Resources/resourceGroups',
    location: group.location,
    tags: group.tags,
    properties: { provisioningState: 'Succeeded' },
  };
}

/** `suffix`: what the client of this answer puts after a vault's name. */
export function renderVault(vault: Vault, suffix: string) {
  return {
    id: vault.id,
    name: vault.name,
    type: VAULT_TYPE,
    location: vault.location,
    tags: vault.tags,
    systemData: { createdByType: 'Application', createdAt: new Date(vault.createdAt).toISOString() },
    properties: {
      sku: { family: 'A', name: vault.sku },
      tenantId: vault.tenantId,
      accessPolicies: vault.accessPolicies,
      enabledForDeployment: false,
      ...vault.enabledFor,
      ...(vault.network ? { networkAcls: renderNetwork(vault.network) } : {}),
      enableSoftDelete: true,
      softDeleteRetentionInDays: vault.retentionDays,
      enableRbacAuthorization: vault.rbac,
      // Azure leaves it out, and never says false.
      ...(vault.purgeProtection ? { enablePurgeProtection: true } : {}),
      vaultUri: `https://${vault.name.toLowerCase()}.${suffix}/`,
      provisioningState: 'Succeeded',
      publicNetworkAccess: vault.publicAccess,
    },
  };
}

function renderNetwork({ bypass, defaultAction, ipRules, virtualNetworkRules }: NetworkRules) {
  return {
    bypass,
    defaultAction,
    ipRules: ipRules.map((value) => ({ value })),
    virtualNetworkRules: virtualNetworkRules.map((id) => ({ id })),
  };
}

export function renderDeletedVault(vault: Vault, subscription: Subscription) {
  const deletedAt = vault.deletedAt ?? 0;
  return {
    id: `${subscription.id}/providers/Microsoft.KeyVault/locations/${vault.location}/deletedVaults/${vault.name}`,
    name: vault.name,
    type: 'Microsoft.KeyVault/deletedVaults',
    properties: {
      vaultId: vault.id,
      location: vault.location,
      tags: vault.tags,
      deletionDate: new Date(deletedAt).toISOString(),
      scheduledPurgeDate: new Date(deletedAt + vault.retentionDays * 86_400_000).toISOString(),
      ...(vault.purgeProtection ? { purgeProtectionEnabled: true } : {}),
    },
  };
}

export function renderIdentity(identity: Identity, tenantId: string) {
  return {
    id: identity.id,
    name: identity.name,
    type: IDENTITY_TYPE,
    location: identity.location,
    tags: identity.tags,
    properties: { tenantId, principalId: identity.principalId, clientId: identity.clientId },
  };
}

export function renderFederated(identity: Identity, credential: FederatedCredential) {
  return {
    id: `${identity.id}/federatedIdentityCredentials/${credential.name}`,
    name: credential.name,
    type: `${IDENTITY_TYPE}/federatedIdentityCredentials`,
    properties: {
      issuer: credential.issuer,
      subject: credential.subject,
      audiences: credential.audiences,
    },
  };
}

export function renderRole(role: RoleDefinition, subscription: Subscription) {
  return {
    id: roleId(role.name, subscription),
    name: role.name,
    type: 'Microsoft.Authorization/roleDefinitions',
    properties: {
      roleName: role.roleName,
      type: role.type,
      description: role.description,
      assignableScopes: role.assignableScopes,
      permissions: [role.permissions],
    },
  };
}

export function renderAssignment(assignment: RoleAssignment, subscription: Subscription) {
  const at = new Date(assignment.createdAt).toISOString();
  return {
    id: `${assignment.scope}/providers/Microsoft.Authorization/roleAssignments/${assignment.name}`,
    name: assignment.name,
    type: 'Microsoft.Authorization/roleAssignments',
    properties: {
      roleDefinitionId: roleId(assignment.role, subscription),
      principalId: assignment.principalId,
      principalType: assignment.principalType,
      scope: assignment.scope,
      condition: null,
      conditionVersion: null,
      createdOn: at,
      updatedOn: at,
      createdBy: assignment.createdBy,
      updatedBy: assignment.createdBy,
      delegatedManagedIdentityResourceId: null,
      description: null,
    },
  };
}

function roleId(role: string, subscription: Subscription): string {
  return `${subscription.id}/providers/Microsoft.Authorization/roleDefinitions/${role}`;
}
