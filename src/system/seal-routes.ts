// sys/init, seal-status, unseal, seal, seal-backend-status: answered by the node that was asked, in every state.
// Bodies as in Vault's API pages /api-docs/system/{init,seal-status,unseal,seal}.

import { toBase64, toHex } from '../base/bytes.ts';
import { rfc3339 } from '../base/clock.ts';
import { LatchkeyError } from '../base/errors.ts';
import type { JsonObject, JsonValue } from '../base/json.ts';
import { LATCHKEY_VERSION, RELEASE_DATE, VAULT_API_VERSION } from '../base/version.ts';
import type { Request, Response, Route } from '../engine/engine.ts';
import { readFields } from '../engine/fields.ts';
import type { FaultView, NodePort, SealView } from './ports.ts';
import { lowerCased, parseShare } from './share-text.ts';

const SHARES_MAX = 255;
const SHARES_DEFAULT = 5;
const THRESHOLD_DEFAULT = 3;

const INIT_FIELDS = {
  secret_shares: {
    type: 'integer',
    help: 'Key shares of a Shamir seal, 1 to 255; default 5. Not applicable to other seals.',
  },
  secret_threshold: {
    type: 'integer',
    help: 'Shares that are needed together; default 3. Not applicable to other seals.',
  },
  stored_shares: { type: 'integer', help: 'Accepted for old clients; has no effect.' },
  pgp_keys: { type: 'strings', help: 'Not in this version.' },
  recovery_pgp_keys: { type: 'strings', help: 'Not in this version.' },
  root_token_pgp_key: { type: 'string', help: 'Not in this version.' },
  recovery_shares: { type: 'integer', help: 'Number of recovery key shares, 1 to 255; default 5.' },
  recovery_threshold: { type: 'integer', help: 'Shares that are needed together; default 3.' },
  restart: { type: 'boolean', help: 'Start over if the first answer was lost and no token was ever used.' },
} as const;

const UNSEAL_FIELDS = {
  key: { type: 'string', help: 'One recovery key share, hex or base64.' },
  reset: { type: 'boolean', help: 'Drop the shares given so far.' },
  migrate: { type: 'boolean', help: 'Seal migration; not in this version.' },
} as const;

export function sealRoutes(port: NodePort): readonly Route[] {
  const status = async (request: Request): Promise<Response> => sealStatus(await port.sealView(), request);
  return [
    {
      pattern: 'init',
      local: true,
      access: 'open',
      operations: {
        read: async () => ({ dress: 'raw', data: { initialized: (await port.sealView()).initialized } }),
        update: (request) => initialize(port, request),
      },
      fields: INIT_FIELDS,
      help: 'Whether the cluster is initialised, and its initialisation.',
    },
    {
      pattern: 'seal-status',
      local: true,
      access: 'open',
      operations: { read: status },
      help: 'Whether this node is sealed, and why.',
    },
    {
      pattern: 'unseal',
      local: true,
      access: 'open',
      operations: { update: (request) => unseal(port, request) },
      fields: UNSEAL_FIELDS,
      help: 'Gives a recovery key share to a node that an operator sealed.',
    },
    {
      pattern: 'seal',
      local: true,
      access: 'sudo',
      operations: {
        update: async () => {
          await port.sealByOperator();
          return {};
        },
      },
      help: 'Seals the active node until it is restarted or given its recovery shares.',
    },
    {
      pattern: 'seal-backend-status',
      local: true,
      access: 'open',
      operations: { read: async () => backendStatus(await port.sealView()) },
      help: 'Health of the seals.',
    },
  ];
}

async function initialize(port: NodePort, request: Request): Promise<Response> {
  const fields = readFields(INIT_FIELDS, request.input);
  const view = await port.sealView();
  if (fields.restart && request.listener?.loopback !== true) {
    throw new LatchkeyError('forbidden', 'init with restart is taken on a loopback listener alone');
  }
  if (view.initialized && !fields.restart) {
    throw new LatchkeyError('already_initialized', 'Vault is already initialized');
  }
  refuseInapplicable(view, fields);
  if (fields.pgp_keys?.length || fields.recovery_pgp_keys?.length || fields.root_token_pgp_key) {
    throw new LatchkeyError(
      'bad_request',
      'PGP encryption of shares is not in this version; leave the pgp fields out',
    );
  }
  const recoveryShares = (view.isManual ? fields.secret_shares : fields.recovery_shares) ?? SHARES_DEFAULT;
  const recoveryThreshold =
    (view.isManual ? fields.secret_threshold : fields.recovery_threshold) ??
    Math.min(THRESHOLD_DEFAULT, recoveryShares);
  checkShares(view.isManual ? 'seal' : 'recovery', recoveryShares, recoveryThreshold);
  const result = await port.initialize({
    recoveryShares,
    recoveryThreshold,
    restart: fields.restart ?? false,
    signal: request.signal,
  });
  const hex = result.keyShares.map((share) => toHex(share.expose()));
  const base64 = result.keyShares.map((share) => toBase64(share.expose()));
  for (const share of result.keyShares) share.wipe();
  const data: JsonObject = {
    keys: view.isManual ? hex : [],
    keys_base64: view.isManual ? base64 : [],
    ...(view.isManual ? {} : { recovery_keys: hex, recovery_keys_base64: base64 }),
    root_token: result.rootToken,
    ...(result.warnings.length > 0 ? { warnings: [...result.warnings] } : {}),
  };
  return { dress: 'raw', data };
}

function refuseInapplicable(view: SealView, fields: Readonly<Record<string, unknown>>): void {
  const foreign = view.isManual
    ? ['recovery_shares', 'recovery_threshold']
    : ['secret_shares', 'secret_threshold'];
  const given = foreign.filter((name) => fields[name]);
  if (given.length === 0) return;
  throw new LatchkeyError(
    'bad_request',
    `parameters ${given.join(',')} not applicable to seal type ${view.sealKind}`,
  );
}

function checkShares(what: 'seal' | 'recovery', shares: number, threshold: number): void {
  const refuse = (why: string) => {
    throw new LatchkeyError('bad_request', `invalid ${what} configuration: ${why}`);
  };
  if (shares < 1) refuse('shares must be at least one');
  if (threshold < 1) refuse('threshold must be at least one');
  if (shares > 1 && threshold === 1) refuse('threshold must be greater than one for multiple shares');
  if (shares > SHARES_MAX) refuse('shares must be less than 256');
  if (threshold > SHARES_MAX) refuse('threshold must be less than 256');
  if (threshold > shares) refuse('threshold cannot be larger than shares');
}

async function unseal(port: NodePort, request: Request): Promise<Response> {
  const fields = readFields(UNSEAL_FIELDS, lowerCased(request.input));
  const view = await port.sealView();
  if (!view.initialized) throw new LatchkeyError('bad_request', 'Vault is not initialized');
  if (fields.migrate) {
    throw new LatchkeyError('cannot_comply', "can't perform a seal migration, no migration seal found");
  }
  if (fields.reset) {
    if (!view.sealed) throw new LatchkeyError('bad_request', 'vault is unsealed');
    port.resetShares();
  } else if (fields.key === undefined || fields.key === '') {
    throw new LatchkeyError(
      'bad_request',
      "'key' must be specified in request body as JSON, or 'reset' set to true",
    );
  } else {
    await port.submitShare(parseShare(fields.key));
  }
  return sealStatus(await port.sealView(), request);
}

function sealStatus(view: SealView, request: Request): Response {
  const data: JsonObject = {
    type: view.sealKind,
    initialized: view.initialized,
    sealed: view.sealed,
    t: view.recoveryThreshold,
    n: view.recoveryShares,
    progress: view.progress,
    nonce: view.nonce,
    version: VAULT_API_VERSION,
    build_date: RELEASE_DATE,
    commit_date: RELEASE_DATE,
    latchkey_version: LATCHKEY_VERSION,
    migration: false,
    // The CLI picks its init parameters from this member, before there is a cluster.
    recovery_seal: !view.isManual,
    ...(view.isManual ? {} : { recovery_seal_type: 'shamir' }),
    storage_type: view.storageType,
    removed_from_cluster: false,
    unseal_state: view.unsealState,
  };
  if (!view.sealed) Object.assign(data, { cluster_name: view.clusterName, cluster_id: view.clusterId });
  if (view.sealKey !== '') data['seal_key'] = view.sealKey;
  if (view.sealWarnings.length > 0) data['seal_warnings'] = [...view.sealWarnings];
  if (view.sealed && view.fault !== undefined) {
    data['last_error'] = describeFault(view.fault, request.listener?.sealDetail === true);
  }
  return { dress: 'raw', data };
}

/** Without `detail` only what helps nobody to attack: stage, class, status, counts. */
function describeFault(fault: FaultView, detail: boolean): JsonValue {
  return {
    stage: fault.stage,
    class: fault.class,
    ...(fault.httpStatus === undefined ? {} : { http_status: fault.httpStatus }),
    seal: fault.seal,
    attempts: fault.attempts,
    ...(fault.nextAttemptAt === undefined ? {} : { next_attempt_at: rfc3339(fault.nextAttemptAt) }),
    ...(detail ? { sentence: fault.sentence } : {}),
    ...(detail && fault.remedy !== undefined ? { remedy: fault.remedy } : {}),
  };
}

/** Members as Vault's `sys/seal-backend-status` (1.15 and later) gives them. */
function backendStatus(view: SealView): Response {
  const healthy = view.fault === undefined;
  return {
    dress: 'raw',
    data: {
      healthy,
      fully_wrapped: view.initialized,
      backends: [{ name: view.fault?.seal ?? view.sealKind, configured: true, disabled: false, healthy }],
    },
  };
}
