import assert from 'node:assert/strict';
import { constants, createHash, generateKeyPairSync, sign, verify } from 'node:crypto';
import { test } from 'node:test';
import { SIGNATURE_ALGORITHMS, signDigest, verifyDigest } from './signatures.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
const message = Buffer.from('a message');

for (const algorithm of SIGNATURE_ALGORITHMS) {
  test(`${algorithm}: OpenSSL takes ours, we take OpenSSL's`, () => {
    const hash = `sha${algorithm.slice(2)}`;
    const digest = createHash(hash).update(message).digest();
    const padding = algorithm.startsWith('PS')
      ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: digest.length }
      : { padding: constants.RSA_PKCS1_PADDING };
    const ours = signDigest(privateKey, 2048, algorithm, digest);
    assert.ok(ours);
    assert.equal(verify(hash, message, { key: publicKey, ...padding }, ours), true);
    const theirs = sign(hash, message, { key: privateKey, ...padding });
    for (const signature of [ours, theirs]) {
      assert.equal(verifyDigest(publicKey, 2048, algorithm, { digest, signature }), true);
      assert.equal(verifyDigest(other.publicKey, 2048, algorithm, { digest, signature }), false);
      const spoilt = Buffer.from(signature);
      spoilt[40] = (spoilt[40] ?? 0) ^ 1;
      assert.equal(verifyDigest(publicKey, 2048, algorithm, { digest, signature: spoilt }), false);
    }
    const short = Buffer.alloc(5);
    assert.equal(verifyDigest(publicKey, 2048, algorithm, { digest, signature: short }), false);
    const high = Buffer.alloc(256, 0xff);
    assert.equal(verifyDigest(publicKey, 2048, algorithm, { digest, signature: high }), false);
    assert.equal(signDigest(privateKey, 2048, algorithm, short), undefined);
    assert.equal(verifyDigest(publicKey, 2048, algorithm, { digest: short, signature: ours }), undefined);
  });
}
