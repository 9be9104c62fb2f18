// What every foreign client must be able to do here, or be refused: a row is one operation, tried by each client.

export type Expected = 'works' | 'refused';

export interface Row {
  readonly id: string;
  /** `refused`: the client's own error, with the status and the words that Vault's users know. */
  readonly expected: Expected;
}

/** In the order in which the programs go through them. `!` after a name: must be refused. */
const NAMES = `
  health.uninitialised seal-status.uninitialised init.status init.bad-threshold! init.init init.again!
  health.sealed sealed.read!
  unseal.progress unseal.reset unseal.wrong-share! unseal.unseal health.active
  unseal.standby health.standby leader.active leader.standby standby.request ha-status
  mounts.enable mounts.list mounts.enable-again! mounts.enable-unknown! mounts.tune mounts.move mounts.disable
  kv1.put kv1.get kv1.list kv1.delete
  kv2.put kv2.get kv2.cas kv2.cas-mismatch! kv2.get-version kv2.patch kv2.rollback
  kv2.delete kv2.get-deleted kv2.undelete kv2.destroy kv2.get-missing
  kv2.metadata kv2.subkeys kv2.list kv2.list-missing kv2.config kv2.delete-metadata kv2.wrong-path
  policy.put policy.get policy.list policy.malformed! policy.delete
  capabilities.self capabilities.token capabilities.accessor
  token.create token.lookup token.lookup-self token.lookup-accessor token.renew token.renew-self
  token.list-accessors token.orphan token.periodic token.role token.role-forbids! token.batch token.batch-renew!
  token.no-right! token.revoke token.revoked! token.revoke-self token.revoke-accessor token.revoke-orphan token.uses!
  wrapping.wrap wrapping.lookup wrapping.rewrap wrapping.unwrap wrapping.unwrap-again! wrapping.by-token cubbyhole
  auth.enable approle.role approle.secret-id approle.login approle.wrong-secret-id! approle.destroyed-secret-id!
  approle.list
  userpass.user userpass.login userpass.wrong-password! userpass.new-password auth.disable
  audit.enable audit.list audit.hash audit.disable
  error.nil-secret error.unknown-token! error.no-token! error.no-route! error.unsupported!
  key-status rotate step-down seal.seal seal.take-over seal.unseal seal.data
`;

export const ROWS: readonly Row[] = NAMES.trim()
  .split(/\s+/)
  .map((name) => ({ id: name.replace('!', ''), expected: name.endsWith('!') ? 'refused' : 'works' }));

/** Rows that do not hold yet, for whichever client. One that holds after all fails the run: this list only shrinks. */
export const MISSING: ReadonlySet<string> = new Set<string>();
