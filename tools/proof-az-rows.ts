// The rows of the proof: a command of the unmodified az, word for word, and what it does to a cluster.

import { expect } from '../demo/conditions.ts';
import { CLIENT_ROWS } from './proof-az-clients.ts';
import {
  assign,
  field,
  GROUP,
  IDENTITY,
  KEY,
  ok,
  POLICY_VAULT,
  type Row,
  row,
  SECRET,
  text,
  VAULT,
} from './proof-az-proof.ts';
import {
  createForRbac,
  deleteRole,
  deleteSecret,
  federate,
  listSecrets,
  setSecret,
} from './proof-az-rights.ts';
import {
  createKey,
  createVault,
  initialiseKeyVariant,
  initialiseSecretVariant,
  refuseKeyVariant,
  rotateKey,
} from './proof-az-variants.ts';
import { closeFirewall, createPolicyVault, deleteAndRecover, purge, setPolicy } from './proof-az-vaults.ts';

const ASSIGN = 'az role assignment create --role';

export const ROWS: readonly Row[] = [
  row('az version', async ({ site }) => {
    const { json } = ok(await site.az('version'));
    return `azure-cli ${field(json, 'azure-cli')}, unmodified, from PyPI`;
  }),
  row('az cloud register -n LocalAzure --endpoint-resource-manager <arm>; az cloud set', async ({ site }) => {
    ok(
      await site.az(
        'cloud',
        'register',
        '-n',
        'LocalAzure',
        '--endpoint-resource-manager',
        site.addresses.armUrl,
      ),
    );
    ok(await site.az('cloud', 'set', '-n', 'LocalAzure'));
    const { json } = ok(await site.az('cloud', 'show'));
    return `suffix ${field(field(json, 'suffixes'), 'keyvaultDns')}`;
  }),
  row('az login --service-principal -u <operator> -p @<file> --tenant <tenant>', async ({ site }) => {
    const { operatorClientId, tenantId, subscriptionId } = site.addresses;
    const wrong = await site.az(
      'login',
      '--service-principal',
      '-u',
      operatorClientId,
      '-p',
      'wrong',
      '--tenant',
      tenantId,
    );
    expect(
      wrong.code !== 0 && /AADSTS7000215/.test(wrong.err),
      `a wrong secret to be refused, not: ${wrong.err}`,
    );
    ok(
      await site.az(
        'login',
        '--service-principal',
        '-u',
        operatorClientId,
        '-p',
        `@${site.secretFile}`,
        '--tenant',
        tenantId,
      ),
    );
    const { json } = ok(await site.az('account', 'show'));
    expect(field(json, 'id') === subscriptionId, 'the subscription to be found');
    return 'a wrong secret is AADSTS7000215, the right one finds the subscription';
  }),
  row(`az group create --name ${GROUP} --location eastus`, async ({ site }) => {
    ok(await site.az('group', 'create', '--name', GROUP, '--location', 'eastus'));
    return 'made';
  }),
  row(`az keyvault create --name ${VAULT} --resource-group ${GROUP} --location eastus`, createVault),
  row(`az identity create --name ${IDENTITY} --resource-group ${GROUP}`, async (proof) => {
    const { json } = ok(
      await proof.site.az('identity', 'create', '--name', IDENTITY, '--resource-group', GROUP),
    );
    proof.clientId = text(json, 'clientId');
    return `client id ${proof.clientId.slice(0, 8)}…, known to IMDS at once`;
  }),
  row(
    `${ASSIGN} "Key Vault Secrets Officer" --assignee <client id> --scope <vault>`,
    initialiseSecretVariant,
  ),
  row(`${ASSIGN} "Key Vault Secrets Officer" … (again)`, async (proof) => {
    ok(await assign(proof, 'Key Vault Secrets Officer', proof.clientId));
    return 'answered with the assignment that is there';
  }),
  row(`az keyvault key create --vault-name ${VAULT} --name ${KEY}`, createKey),
  row('(key variant, with Key Vault Secrets Officer alone)', refuseKeyVariant),
  row(
    `${ASSIGN} "Key Vault Crypto Service Encryption User" --assignee <client id> --scope <vault>`,
    initialiseKeyVariant,
  ),
  row(`az keyvault key rotate --vault-name ${VAULT} --name ${KEY}`, rotateKey),
  row(
    'az role assignment delete --assignee <client id> --role "Key Vault Secrets Officer" --scope <vault>',
    deleteRole,
  ),
  row(
    'az identity federated-credential create --identity-name … --issuer … --subject system:serviceaccount:vault:vault-0',
    federate,
  ),
  row(
    `az ad sp create-for-rbac --name latchkey --role "Key Vault Crypto Service Encryption User" --scopes <vault>`,
    createForRbac,
  ),
  row(`az keyvault secret list|show --vault-name ${VAULT} --name ${SECRET}`, listSecrets),
  row(`az keyvault secret set --vault-name ${VAULT} --name ${SECRET} --value …`, setSecret),
  row(`az keyvault secret delete|recover --vault-name ${VAULT} --name ${SECRET}`, deleteSecret),
  row(`az keyvault create --name ${POLICY_VAULT} … --enable-rbac-authorization false`, createPolicyVault),
  row(
    `az keyvault set-policy --name ${POLICY_VAULT} --spn <client id> --secret-permissions get list`,
    setPolicy,
  ),
  row(`az keyvault network-rule / update --default-action Deny (${POLICY_VAULT})`, closeFirewall),
  ...CLIENT_ROWS,
  row(`az keyvault delete --name ${VAULT}; az keyvault recover --name ${VAULT}`, deleteAndRecover),
  row(`az keyvault purge --name ${POLICY_VAULT}`, purge),
];
