// What clients ask about the subscription around their resources: tenants, providers, locations, resources by type.

import { DEFAULT_DOMAIN } from '../entra/handler.ts';
import { queryValue, type Reply, ServiceError } from '../http/message.ts';
import { isVaultName } from '../key-vault/vault.ts';
import { readBody } from './bodies.ts';
import { IDENTITY_TYPE, VAULT_TYPE } from './domain.ts';
import { type ArmOperation, type Context, nameOf, ok } from './operation.ts';

const SUBSCRIPTION_READ = 'Microsoft.Resources/subscriptions/read';
const RESOURCES_READ = 'Microsoft.Resources/subscriptions/resources/read';
const PROVIDERS_READ = 'Microsoft.Resources/subscriptions/providers/read';

export const CATALOGUE_OPERATIONS: readonly ArmOperation[] = [
  { kind: 'tenants', method: 'GET', run: listTenants },
  { kind: 'locations', method: 'GET', action: SUBSCRIPTION_READ, run: listLocations },
  { kind: 'providers', method: 'GET', action: PROVIDERS_READ, run: listProviders },
  { kind: 'provider', method: 'GET', action: PROVIDERS_READ, run: getProvider },
  {
    kind: 'registerProvider',
    method: 'POST',
    action: 'Microsoft.Resources/subscriptions/providers/register/action',
    run: getProvider,
  },
  { kind: 'resources', method: 'GET', action: RESOURCES_READ, run: listResources },
  {
    kind: 'checkVaultName',
    method: 'POST',
    action: 'Microsoft.KeyVault/checkNameAvailability/read',
    run: checkVaultName,
  },
  // There are no Managed HSMs here; clients that list vaults ask for them in the same breath.
  {
    kind: 'checkHsmName',
    method: 'POST',
    action: 'Microsoft.KeyVault/checkMhsmNameAvailability/read',
    run: () => ok({ nameAvailable: true }),
  },
  { kind: 'managedHsms', method: 'GET', action: 'Microsoft.KeyVault/managedHSMs/read', run: () => list([]) },
  {
    kind: 'deletedManagedHsms',
    method: 'GET',
    action: 'Microsoft.KeyVault/deletedManagedHsms/read',
    run: () => list([]),
  },
];

const LOCATIONS: Record<string, string> = {
  eastus: 'East US',
  westus2: 'West US 2',
  northeurope: 'North Europe',
  westeurope: 'West Europe',
  germanywestcentral: 'Germany West Central',
};

/** Namespace → types, as far as this emulator has them. */
const PROVIDERS: Record<string, readonly string[]> = {
  'Microsoft.KeyVault': ['vaults', 'deletedVaults'],
  'Microsoft.ManagedIdentity': ['userAssignedIdentities'],
  'Microsoft.Authorization': ['roleAssignments', 'roleDefinitions'],
  'Microsoft.Resources': ['resourceGroups', 'subscriptions'],
};

function listTenants({ tenantId }: Context): Reply {
  return list([
    {
      id: `/tenants/${tenantId}`,
      tenantId,
      displayName: 'Local Azure',
      defaultDomain: DEFAULT_DOMAIN,
      tenantCategory: 'Home',
    },
  ]);
}

function listLocations({ subscription }: Context): Reply {
  return list(
    Object.entries(LOCATIONS).map(([name, displayName]) => ({
      id: `${subscription.id}/locations/${name}`,
      name,
      type: 'Region',
      displayName,
      regionalDisplayName: displayName,
      metadata: { regionType: 'Physical', regionCategory: 'Recommended' },
    })),
  );
}

function listProviders(context: Context): Reply {
  return list(Object.keys(PROVIDERS).map((namespace) => renderProvider(context, namespace)));
}

/** Always registered; so registering is answered with what is. */
function getProvider(context: Context): Reply {
  const asked = nameOf(context.path.name);
  const namespace = Object.keys(PROVIDERS).find((known) => known.toLowerCase() === asked.toLowerCase());
  if (!namespace) {
    throw new ServiceError(
      404,
      'InvalidResourceNamespace',
      `The resource namespace '${asked.slice(0, 200)}' is invalid.`,
    );
  }
  return ok(renderProvider(context, namespace));
}

function renderProvider({ subscription }: Context, namespace: string) {
  return {
    id: `${subscription.id}/providers/${namespace}`,
    namespace,
    registrationState: 'Registered',
    registrationPolicy: 'RegistrationRequired',
    resourceTypes: (PROVIDERS[namespace] ?? []).map((resourceType) => ({
      resourceType,
      locations: Object.values(LOCATIONS),
      apiVersions: ['2023-02-01'],
    })),
  };
}

/** `$filter`: `resourceType eq 'x'`, `name eq 'x'` and `resourceGroup eq 'x'`, joined by `and`; others are refused. */
function listResources({ subscription, request, path }: Context): Reply {
  if (path.group) subscription.group(path.group);
  const wanted = readFilter(queryValue(request, '$filter') ?? '');
  const everything = [
    ...subscription.vaults.list().map((vault) => ({ ...vault, type: VAULT_TYPE })),
    ...subscription.identities().map((identity) => ({ ...identity, type: IDENTITY_TYPE })),
  ];
  const group = path.group ?? wanted['resourcegroup'];
  const fits = (value: string, asked: string | undefined) =>
    asked === undefined || value.toLowerCase() === asked.toLowerCase();
  return list(
    everything
      .filter(
        (resource) =>
          fits(resource.type, wanted['resourcetype']) &&
          fits(resource.name, wanted['name']) &&
          fits(resource.resourceGroup, group),
      )
      .map(({ id, name, type, location, tags }) => ({ id, name, type, location, tags })),
  );
}

function readFilter(filter: string): Record<string, string> {
  if (filter.trim() === '') return {};
  return Object.fromEntries(
    filter.split(/\s+and\s+/i).map((part) => {
      const [, name, value] = /^\s*(resourceType|name|resourceGroup)\s+eq\s+'([^']*)'\s*$/i.exec(part) ?? [];
      if (name === undefined || value === undefined) {
        throw new ServiceError(
          400,
          'InvalidFilterInQueryString',
          `Invalid $filter '${filter.slice(0, 200)}' specified in the query string.`,
        );
      }
      return [name.toLowerCase(), value];
    }),
  );
}

function checkVaultName({ subscription, request }: Context): Reply {
  const { name } = readBody(request.body);
  if (typeof name !== 'string' || !isVaultName(name)) {
    return ok({
      nameAvailable: false,
      reason: 'AccountNameInvalid',
      message:
        'The vault name is invalid: 3-24 letters, digits and hyphens, a letter first, no two hyphens in a row.',
    });
  }
  const deleted = subscription.vaults
    .listDeleted()
    .some((vault) => vault.name.toLowerCase() === name.toLowerCase());
  if (!deleted && !subscription.vaults.byName(name)) return ok({ nameAvailable: true });
  return ok({
    nameAvailable: false,
    reason: 'AlreadyExists',
    message: deleted
      ? `A vault with the same name already exists in deleted state. You need to either recover or purge existing key vault '${name}'.`
      : `The vault name '${name}' is already in use. Vault names are globally unique so it is possible that the name is already taken.`,
  });
}

function list(value: object[]): Reply {
  return ok({ value });
}
