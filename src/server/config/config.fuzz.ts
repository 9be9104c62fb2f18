// Fuzz target: a configuration file, from its text to what main.ts gets.

import assert from 'node:assert/strict';
import { utf8 } from '../../base/bytes.ts';
import { LatchkeyError } from '../../base/errors.ts';
import { parseHcl } from '../../base/hcl/hcl.ts';
import { Findings } from './findings.ts';
import { buildConfig } from './schema.ts';

const EXAMPLE = `storage "lmdb" { path = "/d" }
listener "tcp" {
  address = "[::1]:8200"
  tls_disable = "true"
  x_forwarded_for_authorized_addrs = "10.0.0.0/8"
}
seal "azurekeyvault" { tenant_id = "11111111-2222-4333-8444-555555555555" vault_name = "kv-test" key_name = "k" client_id = "11111111-2222-4333-8444-555555555556" client_secret = "hush-hush" }
api_addr = "https://a:8200"
default_lease_ttl = "1h"
max_lease_ttl = "2h"
cluster_name = "c"
log_level = "debug"`;

export const configTarget = {
  name: 'config',
  corpus: [EXAMPLE, '{"storage":{"inmem":{}},"listener":[{"tcp":{"address":"127.0.0.1:1"}}]}'].map(utf8),
  words: [
    'listener "tcp" {',
    'seal "',
    'storage "',
    'address = "',
    '"env://X"',
    '"file:///dev/null"',
    '= -1',
    '= []',
    '}\n',
  ],
  bytesMax: 32 * 1024,
  async run(input: Uint8Array): Promise<void> {
    const text = new TextDecoder().decode(input);
    const findings = new Findings();
    const readText = async () => 'text';
    try {
      const root = parseHcl(text, 'x.hcl');
      await buildConfig(root, { env: {}, readText, findings, complete: true });
      findings.finish(true);
    } catch (error) {
      // Whatever is wrong, it is told without the value of a secret.
      if (error instanceof LatchkeyError && text.includes('client_secret = "hush-hush"')) {
        assert.ok(!error.message.includes('hush-hush'), 'a fault quotes a secret');
      }
      throw error;
    }
  },
};
