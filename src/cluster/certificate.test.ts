import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { fromHex, toHex } from '../base/bytes.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { hasCode } from '../base/errors.ts';
import { systemRandom } from '../base/random.ts';
import { ClusterIdentity, createClusterIdentity, parseClusterIdentity } from './certificate.ts';

const create = (clock: Clock = systemClock) => createClusterIdentity({ random: systemRandom, clock });
const isCorrupt = (error: unknown) => hasCode(error, 'storage_corrupt');

test('the certificate is a self-signed leaf for servers and clients, good from yesterday and without an end', () => {
  const now = Date.UTC(2026, 6, 1, 12, 0, 0);
  const certificate = new X509Certificate(create({ ...systemClock, now: () => now }).certificate);
  assert.equal(certificate.subject, 'CN=latchkey-cluster');
  assert.equal(certificate.issuer, certificate.subject);
  assert.equal(certificate.subjectAltName, 'DNS:latchkey-cluster');
  assert.equal(certificate.ca, false);
  assert.ok(certificate.verify(certificate.publicKey));
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  assert.equal(certificate.validFromDate.getTime(), now - 86_400_000);
  assert.equal(certificate.validToDate.getUTCFullYear(), 9999);
  assert.deepEqual(certificate.publicKey.asymmetricKeyDetails, { namedCurve: 'prime256v1' });
});

test('dates from 2050 on are written as RFC 5280 asks', () => {
  const now = Date.UTC(2060, 0, 2, 3, 4, 5);
  const certificate = new X509Certificate(create({ ...systemClock, now: () => now }).certificate);
  assert.equal(certificate.validFromDate.getTime(), now - 86_400_000);
});

test('every identity has a key and a serial number of its own', () => {
  const made = Array.from({ length: 20 }, () => create());
  assert.equal(new Set(made.map((one) => one.fingerprint)).size, 20);
  assert.equal(new Set(made.map((one) => new X509Certificate(one.certificate).serialNumber)).size, 20);
});

test('an identity comes back from its record', () => {
  const identity = create();
  const record = identity.serialize();
  const back = parseClusterIdentity(record.expose());
  assert.equal(back.fingerprint, identity.fingerprint);
  assert.ok(back.serialize().equals(record));
});

test('the golden record of format 1 can be read', () => {
  const file = new URL('../../test/vectors/cluster/identity-1.json', import.meta.url);
  const vector = JSON.parse(readFileSync(file, 'utf8')) as { fingerprint: string; record: string };
  const identity = parseClusterIdentity(fromHex(vector.record) ?? new Uint8Array());
  assert.equal(identity.fingerprint, vector.fingerprint);
  assert.equal(toHex(identity.serialize().expose()), vector.record);
});

test('a record that was cut, lengthened, changed in its header or mixed from two is refused', () => {
  const good = create().serialize().expose();
  for (let size = 0; size < good.byteLength; size += 1) {
    assert.throws(() => parseClusterIdentity(good.subarray(0, size)), isCorrupt, `${size} bytes`);
  }
  assert.throws(() => parseClusterIdentity(Buffer.concat([good, new Uint8Array(1)])), isCorrupt);
  for (let at = 0; at < 5; at += 1) {
    const changed = good.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.throws(() => parseClusterIdentity(changed), isCorrupt, `byte ${at}`);
  }
  const other = create().serialize().expose();
  const keyAt = 5 + new DataView(other.buffer).getUint16(1);
  const mixed = Buffer.concat([
    good.subarray(0, good.byteLength - (other.byteLength - keyAt)),
    other.subarray(keyAt),
  ]);
  assert.throws(() => parseClusterIdentity(mixed), isCorrupt);
});

test('parse throws nothing but storage_corrupt, whatever it is given', () => {
  const good = create().serialize().expose();
  fc.assert(
    fc.property(fc.nat({ max: good.byteLength - 1 }), fc.nat({ max: 255 }), (at, byte) => {
      const changed = good.slice();
      changed[at] = byte;
      try {
        parseClusterIdentity(changed).wipe();
      } catch (error) {
        assert.ok(isCorrupt(error));
      }
    }),
  );
});

test('the private key shows in no print of an identity and is gone once wiped', () => {
  const identity = create();
  const key = identity.serialize().expose().slice(-138);
  assert.ok(key.some((byte) => byte !== 0));
  const printed = inspect(identity, { depth: 5, showHidden: true }) + JSON.stringify(identity);
  assert.equal(printed.includes(toHex(key)), false);
  assert.equal(
    Object.keys(identity).some((name) => /key/i.test(name)),
    false,
  );
  identity.wipe();
  assert.throws(() => identity.serialize(), /wiped/);
  assert.throws(() => identity.withCredentials(() => undefined), /wiped/);
});

test('the PEM key lives no longer than the call that uses it', () => {
  const identity = create();
  const kept = identity.withCredentials(({ key }) => {
    assert.match(String(key), /^-----BEGIN PRIVATE KEY-----\n[A-Za-z0-9+/]+=*\n-----END PRIVATE KEY-----\n$/);
    return key;
  });
  assert.ok(kept.every((byte) => byte === 0));
  assert.ok(identity instanceof ClusterIdentity);
});
