// What one call to Key Vault met, what it was for, and how a fault of it is put together.

import { SealFault, type SealFaultFacts } from '../seal.ts';
import type { Answer, Challenge } from './answer.ts';
import type { CheckedConfig } from './config.ts';
import type { ConnectionStage } from './connection.ts';

/** What the seal wanted of Key Vault, by the last word of the RBAC action that tells them apart. */
export type VaultAction = 'getSecret' | 'setSecret' | 'readMetadata' | 'update' | 'read' | 'wrap' | 'unwrap';

/** As it stands in sentences, in ids (with an s) and in `az keyvault …`. */
export type Noun = 'secret' | 'key';

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
  /** What the far side's clock said, milliseconds since 1970. */
  dateMs?: number;
}

/** What was being done, for the sentence. */
export interface Undertaking {
  readonly config: CheckedConfig;
  readonly action: VaultAction;
  /** Name of the secret or the key. */
  readonly objectName: string;
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

export function nounOf(action: VaultAction): Noun {
  return action === 'read' || action === 'wrap' || action === 'unwrap' ? 'key' : 'secret';
}

/** `secrets/getSecret`, `keys/unwrap`. */
export function actionName(action: VaultAction): string {
  return `${nounOf(action)}s/${action}`;
}

/** `https://…/secrets/name[/version]` or `…/keys/…`, built from our own settings. */
export function placeOf({ config, action, objectName, version }: Undertaking): string {
  return idOf(config, nounOf(action), objectName, version);
}

export function idOf(config: CheckedConfig, noun: Noun, objectName: string, version?: string): string {
  const place = `${config.vaultUri}/${noun}s/${objectName}`;
  return version === undefined ? place : `${place}/${version}`;
}

/** A short foreign word, safe in a sentence and in a shell command. */
export function safe(word: string): string {
  return word.replace(/[^A-Za-z0-9._:/-]/g, '').slice(0, 120);
}

export function isClass(error: unknown, className: string): error is SealFault {
  return error instanceof SealFault && error.facts.class === className;
}
