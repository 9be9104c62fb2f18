// The roles of one approle mount: `role/<name>`, one record each, format 1, and an index from role ids to names.

import { LatchkeyError } from '../../base/errors.ts';
import { KeyLock } from '../../base/key-lock.ts';
import type { View, ViewChange } from '../../engine/engine.ts';
import {
  decodeTokenParameters,
  encodeTokenParameters,
  type TokenParameters,
} from '../../engine/token-parameters.ts';
import { isRoleName } from '../role-records.ts';
import { corruptRecord, decodeRecord, encodeRecord, isTexts } from '../stored-record.ts';
import type { Hasher } from './hasher.ts';

export interface Role {
  /** Random, made with the role: its secret ids lie under it, so that a role that is made anew never meets old ones. */
  readonly generation: string;
  readonly roleId: string;
  readonly bindSecretId: boolean;
  /** From where logins may come; none: from anywhere. */
  readonly secretIdBoundCidrs: readonly string[];
  /** Of new secret ids; 0 is without limit. */
  readonly secretIdNumUses: number;
  /** Of new secret ids, seconds; 0 is for ever. */
  readonly secretIdTtlSeconds: number;
  /** Kept and shown; nothing is replicated. */
  readonly localSecretIds: boolean;
  readonly token: TokenParameters;
}

const FOLDER = 'role/';
const INDEX = 'role-id/';

/** As it is kept: names are the same in capitals. */
export function roleName(given: string): string {
  if (!isRoleName(given)) {
    throw new LatchkeyError(
      'bad_request',
      'a role name is made of letters, digits, and the characters _ . - inside',
    );
  }
  return given.toLowerCase();
}

export class Roles {
  readonly #view: View;
  readonly #hasher: Hasher;
  readonly #lock = new KeyLock();

  constructor(view: View, hasher: Hasher) {
    this.#view = view;
    this.#hasher = hasher;
  }

  /** @throws LatchkeyError storage_corrupt */
  async find(name: string): Promise<Role | undefined> {
    const bytes = await this.#view.get(`${FOLDER}${name}`);
    return bytes === undefined ? undefined : decode(bytes);
  }

  /** By the role id of a login. */
  async findByRoleId(roleId: string): Promise<{ readonly name: string; readonly role: Role } | undefined> {
    const bytes = await this.#view.get(await this.#indexOf(roleId));
    if (bytes === undefined) return undefined;
    const { role: name } = decodeRecord(bytes);
    if (typeof name !== 'string') throw corruptRecord('an entry for a role id');
    const role = await this.find(name);
    return role === undefined || role.roleId !== roleId ? undefined : { name, role };
  }

  names(): Promise<string[]> {
    return this.#view.list(FOLDER);
  }

  /** Nobody else changes the role meanwhile. @throws LatchkeyError bad_request if another role has its role id. */
  change(name: string, change: (before: Role | undefined) => Promise<Role> | Role): Promise<void> {
    return this.#lock.run(name, async () => {
      const before = await this.find(name);
      const after = await change(before);
      const put: ViewChange = { kind: 'put', path: `${FOLDER}${name}`, value: encode(after) };
      if (before?.roleId === after.roleId) return this.#view.write([put]);
      const index = await this.#indexOf(after.roleId);
      await this.#lock.run(index, async () => {
        const other = await this.findByRoleId(after.roleId);
        if (other !== undefined) throw new LatchkeyError('bad_request', 'role_id already in use');
        const entry = encodeRecord({ role: name });
        const changes: ViewChange[] = [put, { kind: 'put', path: index, value: entry }];
        if (before !== undefined) changes.push({ kind: 'delete', path: await this.#indexOf(before.roleId) });
        await this.#view.write(changes);
      });
    });
  }

  /** Gives the role that was there. From then on nobody logs in by it; its secret ids are left to be taken away. */
  remove(name: string): Promise<Role | undefined> {
    return this.#lock.run(name, async () => {
      const role = await this.find(name);
      if (role === undefined) return undefined;
      await this.#view.write([
        { kind: 'delete', path: `${FOLDER}${name}` },
        { kind: 'delete', path: await this.#indexOf(role.roleId) },
      ]);
      return role;
    });
  }

  /** Runs `act` while the role is neither changed nor removed. */
  whileStanding<T>(name: string, act: (role: Role | undefined) => Promise<T>): Promise<T> {
    return this.#lock.run(name, async () => act(await this.find(name)));
  }

  async #indexOf(roleId: string): Promise<string> {
    return `${INDEX}${await this.#hasher.hash('role-id', roleId)}`;
  }
}

function encode({ token, secretIdBoundCidrs, ...rest }: Role): Uint8Array {
  return encodeRecord({
    ...rest,
    secretIdBoundCidrs: [...secretIdBoundCidrs],
    token: encodeTokenParameters(token),
  });
}

function decode(bytes: Uint8Array): Role {
  const value = decodeRecord(bytes);
  const { generation, roleId, bindSecretId, secretIdBoundCidrs: cidrs } = value;
  const { secretIdNumUses, secretIdTtlSeconds, localSecretIds, token } = value;
  if (typeof generation !== 'string' || typeof roleId !== 'string') throw foreign();
  if (typeof bindSecretId !== 'boolean' || typeof localSecretIds !== 'boolean') throw foreign();
  if (typeof secretIdNumUses !== 'number' || typeof secretIdTtlSeconds !== 'number') throw foreign();
  if (!isTexts(cidrs)) throw foreign();
  return {
    ...{ generation, roleId, bindSecretId, secretIdNumUses, secretIdTtlSeconds, localSecretIds },
    secretIdBoundCidrs: cidrs,
    token: decodeTokenParameters(token),
  };
}

function foreign(): LatchkeyError {
  return corruptRecord('a role of approle');
}
