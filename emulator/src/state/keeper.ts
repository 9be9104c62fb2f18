// Brings together what an emulator is and where it is kept.

import { randomUUID } from 'node:crypto';
import { type Certificates, certificatesOf, keepAuthority, makeCertificates } from '../certificates.ts';
import { decode, encode } from './codec.ts';
import { dump, load, type State, type StateParts } from './everything.ts';
import { type Foundation, type Saved, StateFolder } from './folder.ts';

/** What is known before anything is built. */
export interface Base {
  tenantId: string;
  subscriptionId: string;
  certificates: Certificates;
  /** Present: the state goes there. */
  folder: StateFolder | undefined;
  /** What is kept beside the state. */
  authority: Foundation['authority'] | undefined;
  /** Present: the folder has been used before. */
  saved: Saved | undefined;
}

export interface StateOptions {
  data?: string;
  intercept?: boolean;
  tenantId?: string;
  subscriptionId?: string;
}

/** A used folder's ids count; asking for others is an error, because everything in it stands on them. */
export async function prepareState(options: StateOptions): Promise<Base> {
  const fresh = {
    tenantId: (options.tenantId ?? randomUUID()).toLowerCase(),
    subscriptionId: (options.subscriptionId ?? randomUUID()).toLowerCase(),
  };
  const intercept = options.intercept === true;
  if (options.data === undefined) {
    const certificates = await makeCertificates({ intercept });
    return { ...fresh, certificates, folder: undefined, authority: undefined, saved: undefined };
  }
  const folder = await StateFolder.open(options.data);
  try {
    const saved = folder.read();
    for (const name of ['tenantId', 'subscriptionId'] as const) {
      const other = saved && options[name] !== undefined && saved[name] !== fresh[name];
      if (other) throw new Error(`${options.data} belongs to another ${name}: ${saved[name]}`);
    }
    const authority = await keepAuthority(saved?.authority, intercept);
    const { tenantId, subscriptionId } = saved ?? fresh;
    return {
      tenantId,
      subscriptionId,
      certificates: await certificatesOf(authority),
      folder,
      authority,
      saved,
    };
  } catch (error) {
    folder.close();
    throw error;
  }
}

export interface Keeper {
  /** Once the ports are known: loads what was saved, or saves what is new. */
  start(): Promise<void>;
  save(): void;
  snapshot(): string;
  restore(snapshot: string): void;
}

export function keep(
  parts: StateParts & { operator: Foundation['operator'] },
  { folder, authority, saved, tenantId, subscriptionId }: Base,
): Keeper {
  // Before the saved state is loaded, there is nothing that may go over it.
  let started = false;
  const save = () => {
    if (!folder || !authority || !started) return;
    folder.save({ tenantId, subscriptionId, authority, operator: parts.operator, state: dump(parts) });
  };
  return {
    async start() {
      if (!folder) return;
      if (saved) load(parts, atPort(saved.state, parts.entra.httpsPort));
      await parts.entra.tokens.ready();
      started = true;
      save();
    },
    save,
    snapshot: () => encode(dump(parts)),
    restore(snapshot) {
      load(parts, decode(snapshot) as State);
      save();
    },
  };
}

/** The AKS issuer's address is the one name with a port in it: credentials that trust it follow it to another port. */
function atPort(state: State, httpsPort: number): State {
  const before = `https://localhost:${state.httpsPort}/${state.aks.path}/`;
  const now = `https://localhost:${httpsPort}/${state.aks.path}/`;
  for (const [, { federated }] of state.directory.credentials) {
    for (const credential of federated) if (credential.issuer === before) credential.issuer = now;
  }
  return state;
}
