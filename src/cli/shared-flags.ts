// Flags that many commands share: how to reach the server, and how to print.

import type { OutputFlags } from './command.ts';
import type { FlagSpec } from './flags.ts';

export const HTTP_FLAGS: readonly FlagSpec[] = [
  {
    name: 'address',
    kind: 'text',
    help: 'Address of the server. Default https://127.0.0.1:8200. VAULT_ADDR.',
  },
  { name: 'ca-cert', kind: 'text', help: 'File with the PEM CA certificate to trust. VAULT_CACERT.' },
  { name: 'ca-path', kind: 'text', help: 'Folder of PEM CA certificates to trust. VAULT_CAPATH.' },
  { name: 'client-cert', kind: 'text', help: 'File with the PEM client certificate. VAULT_CLIENT_CERT.' },
  {
    name: 'client-key',
    kind: 'text',
    help: 'File with the PEM key of the client certificate. VAULT_CLIENT_KEY.',
  },
  {
    name: 'tls-server-name',
    kind: 'text',
    help: "Name to expect in the server's certificate. VAULT_TLS_SERVER_NAME.",
  },
  {
    name: 'tls-skip-verify',
    kind: 'switch',
    help: 'Do not verify certificates: anyone can listen. VAULT_SKIP_VERIFY.',
  },
  {
    name: 'namespace',
    kind: 'text',
    help: 'Only "root": this server has no other namespace. VAULT_NAMESPACE.',
  },
  { name: 'ns', kind: 'text', help: 'Same as -namespace.' },
  {
    name: 'wrap-ttl',
    kind: 'duration',
    help: 'Wrap the answer in a token of this lifetime. VAULT_WRAP_TTL.',
  },
  { name: 'non-interactive', kind: 'switch', help: 'Never prompt and never read stdin.' },
];

const FORMAT: FlagSpec = {
  name: 'format',
  kind: 'text',
  help: 'table (default), json or yaml. VAULT_FORMAT.',
};
const FIELD: FlagSpec = {
  name: 'field',
  kind: 'text',
  help: 'Print only this field, with no line end in a pipe.',
};

export function outputFlags(output: OutputFlags): readonly FlagSpec[] {
  if (output === 'none') return [];
  return output === 'format' ? [FORMAT] : [FORMAT, FIELD];
}
