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
const ASK_IMDS = 'curl -H Metadata:true "http://169.254.169.254/metadata/instance?api-version=2021-02-01"';
const ASK_ENTRA =
  'curl -v https://login.microsoftonline.com/<tenant-id>/v2.0/.well-known/openid-configuration';
const RESTORE = 'restore the storage from a backup; journalctl -u latchkey -n 50 has the details';

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
  tcp_reset: {
    sentence: 'the connection to Azure was cut: by a firewall or proxy on the way, or the vault is gone',
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
    remedy: ASK_IMDS,
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
  imds_throttled: {
    sentence: 'the managed-identity endpoint of this machine (IMDS) throttles its callers',
    remedy: 'wait; nothing else is needed, unless something else on this machine asks it all the time',
  },
  imds_failed: {
    sentence: 'the managed-identity endpoint of this machine (IMDS) answers with an error of its own',
    remedy: ASK_IMDS,
  },
  entra_rejected: {
    sentence: 'Microsoft Entra refused to sign the identity in',
    remedy: 'az ad sp show --id <client-id>   # and compare tenant_id and client_id of the seal stanza',
  },
  entra_bad_secret: {
    sentence: 'Microsoft Entra does not know the client secret of the application',
    remedy: 'az ad app credential reset --id <client-id> --append',
  },
  entra_secret_expired: {
    sentence: 'the client secret of the application has expired',
    remedy: 'az ad app credential reset --id <client-id> --append',
  },
  entra_unknown_application: {
    sentence: 'the tenant has no application of that client id',
    remedy: 'az ad sp show --id <client-id>   # and compare tenant_id and client_id of the seal stanza',
  },
  entra_assertion_expired: {
    sentence: "the federated token, or the certificate's assertion, is outside its time; or a clock is wrong",
    remedy: 'timedatectl status',
  },
  entra_no_federated_credential: {
    sentence: 'no federated credential of the identity fits issuer, subject and audience of the token',
    remedy:
      'az identity federated-credential list --resource-group <resource-group> --identity-name <identity>',
  },
  entra_unknown_tenant: {
    sentence: 'Microsoft Entra has no tenant of that id',
    remedy: 'az account show --query tenantId',
  },
  entra_resource_principal: {
    sentence: 'the tenant knows no resource of the audience that was asked for',
    remedy: 'take audience out of the seal stanza; it is then learnt from the vault',
  },
  entra_throttled: {
    sentence: 'Microsoft Entra throttles this identity or tenant; the node waits as long as it was asked to',
    remedy: 'wait; nothing else is needed',
  },
  entra_unavailable: {
    sentence: 'Microsoft Entra answers with an error of its own',
    remedy: ASK_ENTRA,
  },
  entra_timeout: {
    sentence: 'Microsoft Entra does not answer in time',
    remedy: ASK_ENTRA,
  },
  credential_unreadable: {
    sentence:
      'the client secret, certificate or federated token cannot be read where the seal stanza points to',
    remedy: 'ls -l <file>',
  },
  credential_unusable: {
    sentence: 'what stands in the file of the certificate or of the federated token cannot be used',
    remedy: 'openssl x509 -in <file> -noout -subject -enddate',
  },
  keyvault_unauthorized: {
    sentence: 'Key Vault does not accept the token: it belongs to another tenant or audience',
    remedy: 'az keyvault show --name <vault-name> --query properties.tenantId',
  },
  keyvault_audience: {
    sentence: 'Key Vault asks for a token of another audience than the node asked for',
    remedy: 'set audience in the seal stanza to what the vault asks for, if you trust it',
  },
  keyvault_forbidden: {
    sentence: 'Key Vault refused the identity',
    remedy: 'az keyvault show --name <vault-name> --query properties',
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
  keyvault_not_found: {
    sentence: 'what answers under the name of the Key Vault does not know that vault',
    remedy: 'az keyvault show --name <vault-name> --query properties.vaultUri',
  },
  keyvault_secret_disabled: {
    sentence: 'the secret that holds the key-encryption key is disabled',
    remedy:
      'az keyvault secret set-attributes --vault-name <vault-name> --name <secret-name> --version <version> --enabled true',
  },
  keyvault_secret_deleted: {
    sentence: 'the secret that holds the key-encryption key is deleted, and can be recovered',
    remedy: 'az keyvault secret recover --vault-name <vault-name> --name <secret-name>',
  },
  keyvault_secret_not_found: {
    sentence:
      'the secret that holds the key-encryption key is not there, in the version that sealed this data',
    remedy: 'az keyvault secret list-deleted --vault-name <vault-name>   # else restore its backup',
  },
  keyvault_secret_expired: {
    sentence: 'the secret that holds the key-encryption key is outside its time of validity',
    remedy:
      'az keyvault secret set-attributes --vault-name <vault-name> --name <secret-name> --version <version> --expires <date>',
  },
  keyvault_key_disabled: {
    sentence: 'the key that is the key-encryption key is disabled',
    remedy:
      'az keyvault key set-attributes --vault-name <vault-name> --name <key-name> --version <version> --enabled true',
  },
  keyvault_key_deleted: {
    sentence: 'the key that is the key-encryption key is deleted, and can be recovered',
    remedy: 'az keyvault key recover --vault-name <vault-name> --name <key-name>',
  },
  keyvault_key_not_found: {
    sentence:
      'the key that is the key-encryption key is not there, or not in the version that sealed this data',
    remedy: 'az keyvault key list-deleted --vault-name <vault-name>   # else restore its backup',
  },
  keyvault_key_expired: {
    sentence: 'the key that is the key-encryption key is outside its time of validity',
    remedy: 'az keyvault key set-attributes --vault-name <vault-name> --name <key-name> --expires <date>',
  },
  keyvault_key_unsuitable: {
    sentence:
      'the key cannot be a key-encryption key: it must be RSA of 2048 bits or more and allow wrapKey and unwrapKey',
    remedy: 'az keyvault key show --vault-name <vault-name> --name <key-name>',
  },
  keyvault_bad_parameter: {
    sentence: 'Key Vault cannot unwrap the stored root key: wrong key or version for this blob',
    remedy: 'az keyvault key list-versions --vault-name <vault-name> --name <key-name>',
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
  kek_malformed: {
    sentence: 'the secret that should hold the key-encryption key holds something else',
    remedy: 'az keyvault secret list-versions --vault-name <vault-name> --name <secret-name> --query "[].id"',
  },
  kek_belongs_to_another_cluster: {
    sentence: 'the secret of that name belongs to another cluster, or to nobody',
    remedy:
      'choose another secret_name in the seal stanza, or set adopt = true to take that secret over, and restart',
  },
  variant_mismatch: {
    sentence: 'the data was sealed with a key and the node is set to a secret, or the other way round',
    remedy:
      'set the seal stanza as it was when the cluster was initialised; moving takes `seal migrate`, which this version does not have',
  },
  copy_malformed: {
    sentence: 'the stored copy of the root key is damaged, or of a newer version',
    remedy: RESTORE,
  },
  root_keys_altered: {
    sentence: 'the stored record of the root key was altered or mixed up',
    remedy: RESTORE,
  },
  cluster_id_mismatch: {
    sentence: 'the storage belongs to another cluster than the one that cluster_id in the config pins',
    remedy: 'correct the path of the storage, or cluster_id, in the config, and restart',
  },
  no_copy_for_seal: {
    sentence: 'the data was sealed by another seal than the one in the config',
    remedy: 'set the seal stanza, and its name, as they were when the cluster was initialised, and restart',
  },
  cancelled: {
    sentence: 'the attempt was called off on this side',
    remedy: 'wait; it is repeated by itself',
  },
  storage_corrupt: {
    sentence: "the node's own storage is damaged, or of a newer version",
    remedy: RESTORE,
  },
  storage_unusable: {
    sentence:
      "the node cannot use its own storage as it is set up; the server's log names the path and the error",
    remedy: 'ls -ld <storage-path>',
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
