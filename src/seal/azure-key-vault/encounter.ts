// What one call to Key Vault met, what it was for, and how a fault of it is put together.

import { SealFault, type SealFaultFacts } from '../seal.ts';
import type { Answer, Challenge } from './answer.ts';
import type { CheckedConfig } from './config.ts';
import type { ConnectionStage } from './connection.ts';

/** What the seal wanted of Key Vault, by the last part of the RBAC action. */
export type VaultAction = 'getSecret' | 'setSecret' | 'readMetadata' | 'update';

/** What one call met, gathered while it ran. */
export interface Encounter {
  stage: ConnectionStage;
  peer?: string;
  /** Newest answer. */
  answer?: Answer;
  /** Newest challenge of the vault. */
  challenge?: Challenge;
  /** Error code of a connection that failed. */
  networkCode?: string;
  /** Why the call was ended from this side. */
  ended?: 'deadline' | 'cancelled';
}

/** What was being done, for the sentence. */
export interface Undertaking {
  readonly config: CheckedConfig;
  readonly action: VaultAction;
  readonly secretName: string;
  readonly version?: string;
  /** Milliseconds that the call had. */
  readonly callMs: number;
  readonly stageMs: number;
}

export type Verdict = Omit<SealFaultFacts, 'sealName'>;

/** Longest sentence, characters; the core may put a few words before it. */
const SENTENCE_CHARACTERS_MAX = 270;

/** Cleans the sentence of control characters, cuts it, and leaves the SDK's error behind: it holds the request. */
export function makeFault(sealName: string, verdict: Verdict): SealFault {
  return new SealFault({ ...verdict, sealName, sentence: oneLine(verdict.sentence) });
}

export function oneLine(text: string, charactersMax: number = SENTENCE_CHARACTERS_MAX): string {
  const line = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return line.length <= charactersMax ? line : `${line.slice(0, charactersMax - 1)}…`;
}

/** `https://…/secrets/name[/version]`, built from our own settings. */
export function placeOf({
  config,
  secretName,
  version,
}: Pick<Undertaking, 'config' | 'secretName' | 'version'>): string {
  return `${config.vaultUri}/secrets/${secretName}${version === undefined ? '' : `/${version}`}`;
}

/** A short foreign word, safe in a sentence and in a shell command. */
export function safe(word: string): string {
  return word.replace(/[^A-Za-z0-9._:/-]/g, '').slice(0, 120);
}
