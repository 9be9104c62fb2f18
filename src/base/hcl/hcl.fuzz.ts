// Fuzz target: HCL1 and its JSON form, as a configuration file holds them.

import { utf8 } from '../bytes.ts';
import { parseHcl } from './hcl.ts';
import { HclSyntaxError } from './hcl-tree.ts';

const CONFIG = `storage "lmdb" {
  path = "/var/lib/latchkey" // where
}
listener "tcp" { address = "127.0.0.1:8200", tls_disable = true }
default_lease_ttl = "768h"
list = [1, -2.5e3, 0x1F, true, "a\\nb", <<EOT
text
EOT
]`;

export const hclTarget = {
  name: 'hcl',
  corpus: [
    CONFIG,
    '{"seal":[{"azurekeyvault":{"vault_name":"v"}}]}',
    'a = <<-X\n  1\n  X\n',
    '/* */ "k" "l" {}',
  ].map(utf8),
  words: [
    '= ',
    '{\n',
    '}\n',
    '<<EOT\n',
    '<<-A\n',
    '\nEOT\n',
    '/*',
    '*/',
    '//',
    '#',
    '"',
    '\\u00',
    '${',
    '0x',
    '1e5',
    ',',
  ],
  bytesMax: 1024 * 1024,
  run(input: Uint8Array): void {
    const text = new TextDecoder().decode(input);
    for (const file of ['x.hcl', 'x.json']) {
      if (file === 'x.hcl') attempt(() => parseHcl(text, file));
      else parseHcl(text, file);
    }
  },
};

/** The first refusal must not keep the second form from being tried; anything else goes on. */
function attempt(act: () => unknown): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof HclSyntaxError)) throw error;
  }
}
