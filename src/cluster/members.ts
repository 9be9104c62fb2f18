// Who is in the cluster: what the active node heard from each standby's heartbeat, for sys/ha-status.

import { fromUtf8, utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { LatchkeyError } from '../base/errors.ts';
import { isObject, parseJson } from '../base/json.ts';
import { HEARTBEAT_BYTES_MAX } from './wire.ts';

/** How often a standby sends one, milliseconds. */
export const HEARTBEAT_INTERVAL_MS = 5_000;
/** A member that was silent for so long is no longer shown: three heartbeats. */
export const MEMBER_SILENCE_MS_MAX = 15_000;
/** Most members kept; when a new one comes to a full list it is not recorded. */
export const MEMBERS_MAX = 256;

/** What a standby says about itself. */
export interface MemberEcho {
  readonly nodeId: string;
  readonly hostname: string;
  readonly apiAddress: string;
  readonly clusterAddress: string;
  readonly version: string;
}

export interface Member extends MemberEcho {
  /** When it was last heard, milliseconds since the Unix epoch by this node's clock. */
  readonly lastEchoMs: number;
}

export class Members {
  readonly #clock: Clock;
  readonly #heard = new Map<string, { readonly member: Member; readonly at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Records a heartbeat under its node id; a later one replaces it. */
  hear(echo: MemberEcho): void {
    this.#dropSilent();
    if (this.#heard.size >= MEMBERS_MAX && !this.#heard.has(echo.nodeId)) return;
    const member = { ...echo, lastEchoMs: this.#clock.now() };
    this.#heard.set(echo.nodeId, { member, at: this.#clock.monotonic() });
  }

  /** Who was heard within the last 15 s, sorted by API address as Vault sorts them. */
  list(): Member[] {
    this.#dropSilent();
    const members = [...this.#heard.values()].map(({ member }) => member);
    return members.sort((left, right) => (left.apiAddress < right.apiAddress ? -1 : 1));
  }

  /** By the clock that never jumps: a corrected wall clock must not empty the list. */
  #dropSilent(): void {
    const now = this.#clock.monotonic();
    for (const [nodeId, { at }] of this.#heard) {
      if (now - at > MEMBER_SILENCE_MS_MAX) this.#heard.delete(nodeId);
    }
  }
}

const ECHO_FIELDS = ['nodeId', 'hostname', 'apiAddress', 'clusterAddress', 'version'] as const;
const FIELD_CHARACTERS_MAX = 512;

export function encodeEcho(echo: MemberEcho): Uint8Array {
  return utf8(JSON.stringify(echo, [...ECHO_FIELDS]));
}

/** @throws LatchkeyError bad_request. Unknown members are ignored: a newer standby may say more. */
export function decodeEcho(bytes: Uint8Array): MemberEcho {
  if (bytes.byteLength > HEARTBEAT_BYTES_MAX) throw notUnderstood();
  const value = parseJson(decodeText(bytes), 4);
  const text = (name: (typeof ECHO_FIELDS)[number]): string => {
    const field = isObject(value) ? value[name] : undefined;
    if (typeof field !== 'string' || field.length > FIELD_CHARACTERS_MAX) throw notUnderstood();
    return field;
  };
  return {
    nodeId: text('nodeId'),
    hostname: text('hostname'),
    apiAddress: text('apiAddress'),
    clusterAddress: text('clusterAddress'),
    version: text('version'),
  };
}

function decodeText(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch {
    throw notUnderstood();
  }
}

function notUnderstood(): LatchkeyError {
  return new LatchkeyError('bad_request', 'the heartbeat is not understood');
}
