// `operator init`: makes a new cluster and prints its keys, once.

import type { InitAnswer } from '../../client/answers.ts';
import type { InitRequest, VaultClient } from '../../client/client.ts';
import { type Command, type CommandCall, printData, printWarnings } from '../command.ts';
import { attempt, type ExitCode, expectArguments } from '../failure.ts';
import { wrap } from '../output/table.ts';

const SHARES_DEFAULT = 5;
const THRESHOLD_DEFAULT = 3;

export const operatorInitCommand: Command = {
  words: ['operator', 'init'],
  synopsis: 'Initialize a new cluster',
  usage: '[options]',
  help: [
    'Initializes a cluster: run it once, on any one node. With an auto-unseal seal it prints recovery keys, else ' +
      'unseal keys, and the first root token. They are shown this once and kept nowhere.',
    ' $ latchkey operator init -recovery-shares=5 -recovery-threshold=3',
    'With -status the exit code is 0 if initialized, 2 if not, 1 on error.',
  ],
  flags: [
    { name: 'status', kind: 'switch', help: 'Only print whether the cluster is initialized.' },
    { name: 'key-shares', kind: 'count', help: 'Unseal keys to make. Default 5. Not with auto-unseal.' },
    { name: 'n', kind: 'count', help: 'Same as -key-shares.' },
    { name: 'key-threshold', kind: 'count', help: 'Unseal keys needed to unseal. Default 3.' },
    { name: 't', kind: 'count', help: 'Same as -key-threshold.' },
    { name: 'recovery-shares', kind: 'count', help: 'Recovery keys to make. Default 5. Auto-unseal only.' },
    { name: 'recovery-threshold', kind: 'count', help: 'Recovery keys needed. Default 3. Auto-unseal only.' },
    {
      name: 'restart',
      kind: 'switch',
      help: 'Start over where the answer of the first attempt was lost and no token was ever used. Loopback only.',
    },
  ],
  output: 'format',
  remote: true,
  async run(call) {
    expectArguments(call.args, 0);
    const client = call.connect({ withToken: false });
    if (call.flags.isOn('status')) return printInitStatus(call, client);
    const status = await attempt('Error checking seal status', () => client.sealStatus());
    const wanted = request(call, status.recoverySeal);
    const answer = await attempt('Error initializing', () => client.init(wanted));
    if (call.format !== 'table') printData(call, machineReadable(answer, wanted));
    else printKeys(call, answer, wanted);
    printWarnings(call, answer.warnings);
    return 0;
  },
};

async function printInitStatus(call: CommandCall, client: VaultClient): Promise<ExitCode> {
  const initialized = await attempt('Error checking init status', () => client.isInitialized(), 1);
  if (call.format !== 'table') printData(call, { initialized });
  else call.terminal.print(initialized ? 'Vault is initialized' : 'Vault is not initialized');
  return initialized ? 0 : 2;
}

/** Shares of the other kind are sent only if asked for, so that the server can refuse them by name. */
function request(call: CommandCall, recoverySeal: boolean): InitRequest {
  const { flags } = call;
  const secretShares = flags.count('key-shares') ?? flags.count('n');
  const secretThreshold = flags.count('key-threshold') ?? flags.count('t');
  const recoveryShares = flags.count('recovery-shares');
  const recoveryThreshold = flags.count('recovery-threshold');
  const shares = (given: number | undefined, own: boolean) => given ?? (own ? SHARES_DEFAULT : undefined);
  const threshold = (given: number | undefined, own: boolean) =>
    given ?? (own ? THRESHOLD_DEFAULT : undefined);
  return {
    secretShares: shares(secretShares, !recoverySeal),
    secretThreshold: threshold(secretThreshold, !recoverySeal),
    recoveryShares: shares(recoveryShares, recoverySeal),
    recoveryThreshold: threshold(recoveryThreshold, recoverySeal),
    restart: flags.isOn('restart'),
  };
}

function printKeys(call: CommandCall, answer: InitAnswer, wanted: InitRequest): void {
  const { terminal } = call;
  const print = (kind: string, keys: readonly string[]) => {
    keys.forEach((key, at) => {
      terminal.print(`${kind} Key ${at + 1}: ${key}`);
    });
  };
  print('Unseal', base64OrHex(answer.keysBase64, answer.keys));
  print('Recovery', base64OrHex(answer.recoveryKeysBase64, answer.recoveryKeys));
  terminal.print(`\nInitial Root Token: ${answer.rootToken}`);
  if (answer.keys.length > 0) printUnsealAdvice(call, wanted);
  else terminal.print('\nSuccess! Vault is initialized');
  if (answer.recoveryKeys.length === 0) return;
  const { recoveryShares = 0, recoveryThreshold = 0 } = wanted;
  terminal.print(
    `\n${wrap(
      `Recovery key initialized with ${recoveryShares} key shares and a key threshold of ${recoveryThreshold}. ` +
        'Give the shares to different people and keep them safe: they are not shown again. They authorize what ' +
        'an operator does later; they do not replace the key in the Key Vault.',
    )}`,
  );
}

function printUnsealAdvice(call: CommandCall, wanted: InitRequest): void {
  const { secretShares = 0, secretThreshold = 0 } = wanted;
  for (const paragraph of [
    `Vault initialized with ${secretShares} key shares and a key threshold of ${secretThreshold}. Give the shares ` +
      `to different people and keep them safe. After every restart, and after "operator seal", ${secretThreshold} ` +
      'of them are needed before a node serves requests again.',
    `The root key itself is stored nowhere in clear. With fewer than ${secretThreshold} shares left, nothing in ` +
      'this cluster can be read any more.',
  ]) {
    call.terminal.print(`\n${wrap(paragraph)}`);
  }
}

function base64OrHex(base64: readonly string[], hex: readonly string[]): readonly string[] {
  return base64.length === hex.length ? base64 : hex;
}

/** The members of Vault's `-format=json`. With auto-unseal the one stored key counts as 1 of 1. */
function machineReadable(answer: InitAnswer, wanted: InitRequest) {
  const stored = answer.keys.length === 0;
  return {
    unseal_keys_b64: [...answer.keysBase64],
    unseal_keys_hex: [...answer.keys],
    unseal_shares: stored ? 1 : (wanted.secretShares ?? 0),
    unseal_threshold: stored ? 1 : (wanted.secretThreshold ?? 0),
    recovery_keys_b64: [...answer.recoveryKeysBase64],
    recovery_keys_hex: [...answer.recoveryKeys],
    recovery_keys_shares: wanted.recoveryShares ?? 0,
    recovery_keys_threshold: wanted.recoveryThreshold ?? 0,
    root_token: answer.rootToken,
  };
}
