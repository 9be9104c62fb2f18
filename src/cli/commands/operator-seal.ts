// `operator seal`: closes one node.

import type { VaultClient } from '../../client/client.ts';
import type { Command } from '../command.ts';
import { attempt, expectArguments } from '../failure.ts';
import { wrap } from '../output/table.ts';

export const operatorSealCommand: Command = {
  words: ['operator', 'seal'],
  synopsis: 'Seal the node asked',
  usage: '[options]',
  help: [
    'Seals the node asked, and no other: another one of the cluster takes over. Needs a token with sudo.',
  ],
  flags: [],
  output: 'none',
  remote: true,
  async run(call) {
    expectArguments(call.args, 0);
    const client = call.connect();
    await attempt('Error sealing', () => client.seal());
    call.terminal.print('Success! Vault is sealed.');
    if (await opensItselfElse(client)) {
      // Nothing else says at this moment that the node will not come back by itself.
      call.terminal.print(
        `\n${wrap(
          'Auto-unseal is paused on this node. It opens again when the server is restarted, or when a quorum of ' +
            'recovery keys is given: latchkey operator unseal',
        )}`,
      );
    }
    return 0;
  },
};

/** The node is sealed by now, whatever happens to this question. */
async function opensItselfElse(client: VaultClient): Promise<boolean> {
  try {
    return (await client.sealStatus()).recoverySeal;
  } catch {
    return false;
  }
}
