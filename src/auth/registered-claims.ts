// The claims that RFC 7519 section 4.1 registers: issuer, subject, audience and times, checked with Vault's leeways and
// told in Vault's words.

import type { JsonObject, JsonValue } from '../base/json.ts';

/** Seconds; 0 takes the default, a negative number none. */
export interface Leeways {
  /** How long a token without `exp` is good after its start. Default 150. */
  readonly expiration: number;
  /** How long before its end a token without `nbf` and `iat` is good. Default 150. */
  readonly notBefore: number;
  /** How far the issuer's clock may be off. Default 60. */
  readonly clockSkew: number;
}

export interface Expectations {
  /** Empty strings and no audiences: anything goes. */
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  readonly leeways: Leeways;
  /** A token must say when it starts or ends. */
  readonly needsTimes: boolean;
}

const LIFE_LEEWAY_SECONDS = 150;
const CLOCK_LEEWAY_SECONDS = 60;

/**
 * Undefined if all is as expected, else what is not.
 * @param now milliseconds since the epoch.
 */
export function claimFault(claims: JsonObject, expected: Expectations, now: number): string | undefined {
  const { iss, sub } = claims;
  if (expected.issuer !== '' && iss !== expected.issuer) return 'invalid issuer (iss) claim';
  if (expected.subject !== '' && sub !== expected.subject) return 'invalid subject (sub) claim';
  const audiences = audiencesOf(claims);
  if (audiences === undefined) return 'invalid audience (aud) claim: it is not a string or a list of strings';
  if (expected.audiences.length > 0 && !expected.audiences.some((wanted) => audiences.includes(wanted))) {
    return 'invalid audience (aud) claim: audience claim does not match any expected audience';
  }
  return timeFault(claims, expected, now / 1_000);
}

/** `aud` as a list, which is empty if there is none; undefined if it is of another kind. */
export function audiencesOf(claims: JsonObject): readonly string[] | undefined {
  const { aud } = claims;
  if (aud === undefined || aud === null) return [];
  if (typeof aud === 'string') return [aud];
  const isList = Array.isArray(aud) && aud.every((item) => typeof item === 'string');
  return isList ? (aud as string[]) : undefined;
}

function timeFault(claims: JsonObject, expected: Expectations, now: number): string | undefined {
  const [exp, nbf, iat] = [claims['exp'], claims['nbf'], claims['iat']].map(secondsOf);
  if (exp === null) return 'invalid expiration time (exp) claim: it is not a number';
  if (nbf === null) return 'invalid not before (nbf) claim: it is not a number';
  if (iat === null) return 'invalid issued at (iat) claim: it is not a number';
  if (exp === undefined && nbf === undefined && iat === undefined) {
    const words = 'no issued at (iat), not before (nbf), or expiration time (exp) claims in token';
    return expected.needsTimes ? words : undefined;
  }
  const { expiration, notBefore, clockSkew } = expected.leeways;
  const latestStart = Math.max(iat ?? 0, nbf ?? 0);
  const end = exp ?? latestStart + leeway(expiration, LIFE_LEEWAY_SECONDS);
  const start = nbf ?? iat ?? end - leeway(notBefore, LIFE_LEEWAY_SECONDS);
  const skew = leeway(clockSkew, CLOCK_LEEWAY_SECONDS);
  if (now + skew < start) return 'invalid not before (nbf) claim: token not yet valid';
  if (now - skew > end) return 'invalid expiration time (exp) claim: token is expired';
  if (now + skew < (iat ?? 0)) return 'invalid issued at (iat) claim: token issued in the future';
  return undefined;
}

function leeway(given: number, initial: number): number {
  if (given < 0) return 0;
  return given === 0 ? initial : given;
}

/** Undefined if it is missing, null if it is not a number. */
function secondsOf(value: JsonValue | undefined): number | undefined | null {
  if (value === undefined || value === null) return undefined;
  const text = numberText(value);
  const seconds = text === undefined ? Number.NaN : Number(text);
  return Number.isFinite(seconds) ? seconds : null;
}

/** The digits of a number, however it was parsed, `.0` at its end left out; undefined if it is no number. */
export function numberText(value: JsonValue): string | undefined {
  const raw = JSON.isRawJSON(value) ? (value as unknown as { rawJSON: string }).rawJSON : value;
  if (typeof raw === 'number') return String(raw);
  const isNumber = raw !== value && typeof raw === 'string' && /^-?\d/.test(raw);
  return isNumber ? raw.replace(/^(-?\d+)\.0+$/, '$1') : undefined;
}
