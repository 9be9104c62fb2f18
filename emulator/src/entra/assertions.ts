// Client assertions (RFC 7523): signed with a registered certificate, or tokens of a federated issuer. Every check here
// is one that Entra makes; which one fails first decides the AADSTS number that its users search for.

import { compactVerify, createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { jsonObject } from '../http/message.ts';
import type { ClientCertificate, CredentialBook, FederatedCredential } from './credentials.ts';
import type { ServicePrincipal } from './directory.ts';
import { aadsts } from './errors.ts';
import { fetchIssuerKeys, IssuerError } from './issuer-keys.ts';

export interface AssertionContext {
  principal: ServicePrincipal;
  credentials: CredentialBook;
  nowSeconds: number;
  /** What a certificate assertion may be addressed to: addresses that start so. */
  audiencePrefixes: string[];
  /** The certificate authority that issuers on https may use. */
  caPem: string;
}

interface Assertion {
  text: string;
  header: Record<string, unknown>;
  issuer: string;
  subject: string;
  audiences: string[];
  /** Seconds since the Unix epoch. */
  notBefore: number;
  expires: number;
}

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

const CHARS_MAX = 16_384;
/** Entra forgives clocks that differ by five minutes. */
const SKEW_SECONDS = 300;

/** Throws AadstsError unless the assertion proves the principal. */
export async function checkAssertion(text: string, context: AssertionContext): Promise<void> {
  const assertion = parse(text);
  // An application's id as issuer: signed by itself. Foreign issuers are addresses.
  if (/^[0-9a-f-]{36}$/i.test(assertion.issuer)) await checkOwn(assertion, context);
  else await checkFederated(assertion, context);
}

async function checkOwn(assertion: Assertion, context: AssertionContext): Promise<void> {
  const { principal, credentials, nowSeconds, audiencePrefixes } = context;
  for (const named of [assertion.issuer, assertion.subject]) {
    if (named.toLowerCase() !== principal.clientId) {
      throw aadsts.assertionForOtherApplication(named, principal.clientId);
    }
  }
  const certificate = findCertificate(assertion, credentials.certificates(principal.clientId));
  const claimed = String(assertion.header['x5t'] ?? assertion.header['x5t#S256'] ?? '');
  if (!certificate) throw aadsts.badSignature('The key was not found.', claimed);
  if (nowSeconds < certificate.notBefore || nowSeconds >= certificate.notAfter) {
    throw aadsts.badSignature('The key used is expired.', certificate.thumbprint);
  }
  try {
    await compactVerify(assertion.text, certificate.publicKey, { algorithms: ['RS256', 'PS256'] });
  } catch {
    throw aadsts.badSignature('The key used is wrong.', certificate.thumbprint);
  }
  const addressed = assertion.audiences.some((audience) =>
    audiencePrefixes.some((prefix) => audience === prefix || audience.startsWith(`${prefix}/`)),
  );
  if (!addressed) throw aadsts.wrongAssertionAudience(assertion.audiences.join(', '));
  checkTime(assertion, nowSeconds);
}

function findCertificate(
  { header }: Assertion,
  certificates: readonly ClientCertificate[],
): ClientCertificate | undefined {
  const { x5t } = header;
  const sha256 = header['x5t#S256'];
  return certificates.find((certificate) => {
    if (typeof sha256 === 'string') return certificate.sha256 === sha256;
    return (
      typeof x5t === 'string' &&
      Buffer.from(x5t, 'base64url').toString('hex').toUpperCase() === certificate.thumbprint
    );
  });
}

async function checkFederated(assertion: Assertion, context: AssertionContext): Promise<void> {
  const { principal, credentials, nowSeconds, caPem } = context;
  matchFederated(assertion, credentials.federated(principal.clientId));
  checkTime(assertion, nowSeconds);
  let keys: JSONWebKeySet;
  try {
    keys = await fetchIssuerKeys(assertion.issuer, caPem);
  } catch (error) {
    if (!(error instanceof IssuerError)) throw error;
    throw aadsts.issuerUnreachable(error.message);
  }
  try {
    // RS256 alone: that is all Entra takes from foreign issuers.
    await compactVerify(assertion.text, createLocalJWKSet(keys), { algorithms: ['RS256'] });
  } catch {
    throw aadsts.badFederatedSignature();
  }
}

/** Issuer, then subject, then audience; equal means equal, case and trailing slash included. */
function matchFederated(assertion: Assertion, credentials: readonly FederatedCredential[]): void {
  const { issuer, subject, audiences } = assertion;
  if (credentials.length === 0) throw aadsts.noFederatedRecord(issuer, subject, audiences.join(', '));
  const byIssuer = credentials.filter((credential) => credential.issuer === issuer);
  if (byIssuer.length === 0) throw aadsts.federatedMismatch('issuer', issuer);
  const bySubject = byIssuer.filter((credential) => credential.subject === subject);
  if (bySubject.length === 0) {
    const alike = byIssuer.some((credential) => credential.subject.toLowerCase() === subject.toLowerCase());
    throw alike ? aadsts.subjectDiffersByCase(subject) : aadsts.federatedMismatch('subject', subject);
  }
  const matches = bySubject.some((credential) =>
    credential.audiences.some((audience) => audiences.includes(audience)),
  );
  if (!matches) throw aadsts.federatedMismatch('audience', audiences.join(', '));
}

function checkTime({ notBefore, expires }: Assertion, nowSeconds: number): void {
  if (nowSeconds >= expires + SKEW_SECONDS || nowSeconds < notBefore - SKEW_SECONDS) {
    throw aadsts.assertionOutsideTime(nowSeconds, notBefore, expires);
  }
}

function parse(text: string): Assertion {
  if (text.length > CHARS_MAX || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(text)) throw aadsts.malformedAssertion();
  const [header, claims] = text.split('.', 2).map((part) => jsonObject(Buffer.from(part, 'base64url')));
  if (!header || !claims) throw aadsts.malformedAssertion();
  const { iss, sub, aud, nbf, iat, exp } = claims;
  const audiences = Array.isArray(aud) ? aud : [aud];
  const notBefore = nbf ?? iat ?? 0;
  if (
    typeof iss !== 'string' ||
    typeof sub !== 'string' ||
    typeof exp !== 'number' ||
    typeof notBefore !== 'number' ||
    !audiences.every((audience) => typeof audience === 'string')
  ) {
    throw aadsts.malformedAssertion();
  }
  return { text, header, issuer: iss, subject: sub, audiences, notBefore, expires: exp };
}
