// Writes the golden blobs of the barrier's stored formats, once per format. They must open for ever, so that a file
// already there is never written again: `node tools/make-barrier-vectors.ts`.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { encryptRecord } from '../src/barrier/aead.ts';
import { encryptKeyring, Keyring } from '../src/barrier/keyring.ts';
import { SecretBytes, toHex, utf8 } from '../src/base/bytes.ts';
import type { Random } from '../src/base/random.ts';

const folder = new URL('../test/vectors/barrier/', import.meta.url);

/** Counts up, so that everybody who runs this gets the same bytes. */
function countingRandom(first: number): Random {
  let next = first;
  return {
    fill(target) {
      for (let at = 0; at < target.byteLength; at += 1) target[at] = next++ % 256;
    },
    uuid: () => '00000000-0000-4000-8000-000000000000',
    fraction: () => 0,
  };
}

function write(name: string, vector: Record<string, unknown>): void {
  const file = new URL(name, folder);
  if (existsSync(file)) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify(vector, null, 2)}\n`, { flag: 'wx' });
}

const key = SecretBytes.fill(32, (target) => countingRandom(0x40).fill(target));
const storageKey = 'logical/3f1c/data/grüße';
const plaintext = utf8('{"password":"correct horse"}');

write('record-1.json', {
  key: toHex(key.expose()),
  storageKey,
  term: 7,
  plaintext: toHex(plaintext),
  record: toHex(encryptRecord(key, 7, storageKey, plaintext, countingRandom(0xa0))),
});

const firstInstalledAt = Date.UTC(2026, 0, 2, 3, 4, 5, 6);
const keyring = Keyring.create(countingRandom(1), firstInstalledAt).rotated(
  countingRandom(101),
  firstInstalledAt + 1,
);
write('keyring-1.json', {
  root: toHex(key.expose()),
  terms: [1, 2].map((term) => ({
    term,
    installedAt: keyring.find(term)?.installedAt,
    key: toHex(keyring.find(term)?.key.expose() ?? new Uint8Array()),
  })),
  plaintext: toHex(keyring.serialize().expose()),
  record: toHex(encryptKeyring(keyring, key, countingRandom(0xc0))),
});
