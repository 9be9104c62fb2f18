import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { certificatesOf, keepAuthority, makeCertificates } from './certificates.ts';

test('the leaf is signed by the CA and names all hosts; the CA may sign and nothing else is a CA', async () => {
  const { caPem, leafPem, leafKeyPem } = await makeCertificates();
  const ca = new X509Certificate(caPem);
  const leaf = new X509Certificate(leafPem);
  assert.ok(ca.ca);
  assert.ok(!leaf.ca);
  assert.ok(ca.verify(ca.publicKey));
  assert.ok(leaf.verify(ca.publicKey));
  assert.ok(leaf.checkIssued(ca));
  assert.equal(
    leaf.subjectAltName,
    'DNS:localhost, DNS:*.vault.localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
  );
  assert.equal(leaf.checkHost('my-vault.vault.localhost'), '*.vault.localhost');
  assert.equal(leaf.checkHost('a.b.vault.localhost'), undefined);
  assert.equal(leaf.checkHost('vault.azure.net'), undefined);
  assert.match(leafKeyPem, /BEGIN PRIVATE KEY/);
  assert.ok(!caPem.includes('PRIVATE'));
});

test('two runs share nothing', async () => {
  const [first, second] = await Promise.all([makeCertificates(), makeCertificates()]);
  assert.notEqual(first.caPem, second.caPem);
  assert.ok(!new X509Certificate(first.leafPem).verify(new X509Certificate(second.caPem).publicKey));
});

test('the CA vouches for localhost and loopback alone, and for the public names only when asked', async () => {
  const [local, wide] = await Promise.all([makeCertificates(), makeCertificates({ intercept: true })]);
  const constraints = (pem: string) => new X509Certificate(pem).raw.toString('latin1');
  assert.ok(constraints(local.caPem).includes('localhost'));
  assert.ok(!constraints(local.caPem).includes('azure.net'));
  assert.ok(constraints(wide.caPem).includes('vault.azure.net'));
  assert.equal(new X509Certificate(wide.leafPem).checkHost('kv.vault.azure.net'), '*.vault.azure.net');
  assert.equal(
    new X509Certificate(wide.leafPem).checkHost('login.microsoftonline.com'),
    'login.microsoftonline.com',
  );
});

test('a CA that is kept signs anew, as long as it fits', async () => {
  const authority = await keepAuthority(undefined, false);
  assert.equal(await keepAuthority(authority, false), authority);
  assert.notEqual((await keepAuthority(authority, true)).certificatePem, authority.certificatePem);
  const [first, second] = await Promise.all([certificatesOf(authority), certificatesOf(authority)]);
  assert.equal(first.caPem, second.caPem);
  assert.notEqual(first.leafPem, second.leafPem);
  const { publicKey } = new X509Certificate(authority.certificatePem);
  for (const { leafPem } of [first, second]) assert.ok(new X509Certificate(leafPem).verify(publicKey));
});
