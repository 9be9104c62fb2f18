// What a class of seal fault means and what mends it, for servers that may not say so themselves: a listener that
// strangers can reach names the class alone. Ids that only the server knows stay <placeholders>.

export interface SealClass {
  /** One sentence without its full stop. */
  readonly sentence: string;
  /** A command, or what to do in the configuration. */
  readonly remedy: string;
}

const ASSIGN_ROLE =
  'az role assignment create --role "Key Vault Secrets User" --assignee-object-id <principal-id> ' +
  '--assignee-principal-type ServicePrincipal --scope <key-vault-resource-id>';
const ASK_VAULT = 'curl -v https://<vault-name>.vault.azure.net/healthstatus';

/** Same names as in docs/errors.md and the server's log. */
const SEAL_CLASSES: Readonly<Record<string, SealClass>> = {
  dns_failed: {
    sentence: 'the name of the Key Vault, or of the sign-in host, does not resolve on this node',
    remedy: 'nslookup <vault-name>.vault.azure.net',
  },
  tcp_refused: {
    sentence: 'the connection to Azure was refused',
    remedy: ASK_VAULT,
  },
  tcp_timeout: {
    sentence: 'the connection to Azure was not answered: a firewall, a route or a private link drops it',
    remedy: ASK_VAULT,
  },
  tls_untrusted: {
    sentence: 'the certificate that Azure presented is not signed by a CA that this node trusts',
    remedy: 'openssl s_client -connect <vault-name>.vault.azure.net:443 -showcerts </dev/null',
  },
  tls_failed: {
    sentence: 'the TLS handshake with Azure failed',
    remedy: 'openssl s_client -connect <vault-name>.vault.azure.net:443 </dev/null',
  },
  imds_unreachable: {
    sentence: 'the managed-identity endpoint of this machine (IMDS) cannot be reached',
    remedy: 'curl -H Metadata:true "http://169.254.169.254/metadata/instance?api-version=2021-02-01"',
  },
  imds_timeout: {
    sentence: 'the managed-identity endpoint of this machine (IMDS) does not answer in time',
    remedy: 'curl -m 5 -H Metadata:true "http://169.254.169.254/metadata/instance?api-version=2021-02-01"',
  },
  imds_identity_not_found: {
    sentence: 'the managed identity that the seal names is not attached to this machine',
    remedy: 'az vm identity assign --resource-group <resource-group> --name <vm> --identities <identity-id>',
  },
  imds_updating: {
    sentence: 'the managed-identity endpoint is being updated, which takes up to 70 seconds',
    remedy: 'wait; nothing else is needed',
  },
  entra_rejected: {
    sentence: 'Microsoft Entra refused to sign the identity in',
    remedy: 'az ad sp show --id <client-id>   # and compare tenant_id and client_id of the seal stanza',
  },
  keyvault_unauthorized: {
    sentence: 'Key Vault does not accept the token: it belongs to another tenant or audience',
    remedy: 'az keyvault show --name <vault-name> --query properties.tenantId',
  },
  keyvault_forbidden_rbac: {
    sentence: 'Key Vault refused the identity (ForbiddenByRbac): it has no role that allows this',
    remedy: ASSIGN_ROLE,
  },
  keyvault_forbidden_policy: {
    sentence: 'Key Vault refused the identity (ForbiddenByPolicy): no access policy allows this',
    remedy:
      'az keyvault set-policy --name <vault-name> --object-id <principal-id> --secret-permissions get list',
  },
  keyvault_forbidden_firewall: {
    sentence: "Key Vault refused this node's address (ForbiddenByFirewall)",
    remedy: 'az keyvault network-rule add --name <vault-name> --ip-address <address-of-this-node>',
  },
  keyvault_secret_disabled: {
    sentence: 'the secret that holds the key-encryption key is disabled',
    remedy:
      'az keyvault secret set-attributes --vault-name <vault-name> --name <secret-name> --version <version> --enabled true',
  },
  keyvault_secret_not_found: {
    sentence: 'the secret that holds the key-encryption key is not there; it may have been deleted',
    remedy: 'az keyvault secret recover --vault-name <vault-name> --name <secret-name>',
  },
  keyvault_secret_expired: {
    sentence: 'the secret that holds the key-encryption key is outside its time of validity',
    remedy:
      'az keyvault secret set-attributes --vault-name <vault-name> --name <secret-name> --version <version> --expires <date>',
  },
  keyvault_throttled: {
    sentence: 'Key Vault throttles its callers; the node waits as long as it was asked to',
    remedy: 'az monitor metrics list --resource <key-vault-resource-id> --metric ServiceApiHit',
  },
  keyvault_unavailable: {
    sentence: 'Key Vault answers with an error of its own; a failover may take some minutes',
    remedy: ASK_VAULT,
  },
  keyvault_timeout: {
    sentence: 'Key Vault does not answer in time',
    remedy: ASK_VAULT,
  },
  kek_mismatch: {
    sentence: 'the key-encryption key found does not open the stored root key: it is another one',
    remedy: 'az keyvault secret list-versions --vault-name <vault-name> --name <secret-name> --query "[].id"',
  },
  storage_unavailable: {
    sentence: "the node cannot read its own storage; the server's log names the path and the error",
    remedy: 'df -h <storage-path>; ls -ld <storage-path>',
  },
  unknown: {
    sentence: "the cause has no class; the server's log has the whole error",
    remedy: 'journalctl -u latchkey -n 50',
  },
};

/** A class this client does not know (from a newer server) is shown by its name. */
export function explainSealClass(name: string): SealClass {
  const known = Object.hasOwn(SEAL_CLASSES, name) ? SEAL_CLASSES[name] : undefined;
  if (known !== undefined) return known;
  const unknown = SEAL_CLASSES['unknown'] as SealClass;
  return { sentence: `the cause is "${name}"; the server's log has the whole error`, remedy: unknown.remedy };
}

/** Every class in the table. */
export const SEAL_CLASS_NAMES: readonly string[] = Object.keys(SEAL_CLASSES);
