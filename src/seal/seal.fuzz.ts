// Fuzz targets: wrapped copies of the root key as they lie in the storage, and what Key Vault and Entra answer.

import assert from 'node:assert/strict';
import { SecretBytes, toHex, utf8 } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';
import { readAnswer, readChallenge, readEntraCode, readRefusal } from './azure-key-vault/answer.ts';
import { fillBox, joinEnvelope, openBox, splitEnvelope } from './azure-key-vault/envelope.ts';
import { decodeKek, isWellFormed, openUnder, sealUnder } from './azure-key-vault/kek.ts';
import { parseKeyId } from './azure-key-vault/key-id.ts';
import { ShamirSeal } from './shamir/shamir-seal.ts';

/** So that a seed gives the same inputs in every run. */
const fixed: Random = { fill: (target) => void target.fill(7), uuid: () => '', fraction: () => 0 };
const kek = SecretBytes.fill(32, (target) => target.fill(0x43));
const secret = SecretBytes.fill(32, (target) => target.fill(0x44));
const context = { clusterId: 'c', sealName: 's', generation: 1 };
const signal = new AbortController().signal;

const underSecret = sealUnder(kek, secret, context, fixed);
const envelope = joinEnvelope({
  wrappedKey: new Uint8Array(256).fill(9),
  box: fillBox(kek, secret, context, 'f', fixed),
});
const shamir = new ShamirSeal(fixed);
shamir.manual.offer(kek.clone());
const copy = await shamir.wrap(secret, context, signal);

/** All three kinds of copies, whichever the bytes look like. */
export const copyTarget = {
  name: 'seal-copy',
  corpus: [underSecret, envelope, copy.blob],
  async run(input: Uint8Array): Promise<void> {
    const isKnown = copyTarget.corpus.some((one) => toHex(one) === toHex(input));
    if (isWellFormed(input)) using(openUnder(kek, input, context), isKnown);
    const parts = splitEnvelope(input);
    // What wraps the data key is Key Vault's to check: the box alone is ours.
    const isBoxKnown =
      parts !== undefined && toHex(parts.box) === toHex(splitEnvelope(envelope)?.box ?? input);
    if (parts !== undefined) using(openBox(kek, parts.box, context, 'f'), isBoxKnown);
    using(await shamir.unwrap({ ...copy, blob: input }, context, signal), isKnown);
  },
};

function using(opened: SecretBytes | undefined, isKnown: boolean): void {
  opened?.wipe();
  assert.ok(opened === undefined || isKnown, 'a copy opened that nobody wrapped');
}

const FORBIDDEN = `{"error":{"code":"Forbidden","message":"Caller is not authorized. Caller: appid=${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)};oid=x\\r\\nAction: 'Microsoft.KeyVault/vaults/keys/unwrap/action'\\r\\nResource: '/subscriptions/x'","innererror":{"code":"ForbiddenByRbac"}}}`;

export const azureAnswerTarget = {
  name: 'azure-answer',
  corpus: [
    FORBIDDEN,
    '{"error":"invalid_client","error_description":"AADSTS7000222: expired"}',
    'Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net"',
    'https://v.vault.azure.net/keys/k/0123456789abcdef0123456789abcdef',
  ].map(utf8),
  words: [
    '"error":{',
    '"code":"',
    'AADSTS',
    'appid=',
    'oid=',
    "Action: '",
    'resource="',
    'Bearer ',
    'https://',
  ],
  run(input: Uint8Array): void {
    const text = new TextDecoder().decode(input);
    readAnswer(403, (name) => (name === 'retry-after' ? text.slice(0, 40) : undefined), text, 0);
    readRefusal(text);
    readEntraCode(text);
    readChallenge(text);
    parseKeyId(text, 'key');
    decodeKek(text)?.wipe();
  },
};
