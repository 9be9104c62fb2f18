// Rows in which the official Go and Python clients, told of Azure by their environment alone, use a vault that az has made.

import { join } from 'node:path';
import { expect } from '../demo/conditions.ts';
import { field, ok, type Proof, type Row, row } from './proof-az-proof.ts';
import type { Ran } from './proof-az-site.ts';

const PROOFS = join(import.meta.dirname, '..', 'proofs');
const PYTHON_CLIENTS = join(PROOFS, 'azure-python', 'clients.py');
const EXEC = 'azure-emulator exec';

export const CLIENT_ROWS: readonly Row[] = [
  row(`${EXEC} -- python clients.py (azure-identity, azure-keyvault-secrets, azure-keyvault-keys)`, (proof) =>
    ownEmulator(proof, [], [proof.site.python, PYTHON_CLIENTS]),
  ),
  row(`${EXEC} --intercept -- python clients.py`, (proof) =>
    ownEmulator(proof, ['--intercept'], [proof.site.python, PYTHON_CLIENTS]),
  ),
  row(`${EXEC} --challenge adfs -- go-clients (azidentity, azsecrets, azkeys with nil options)`, (proof) =>
    ownEmulator(proof, ['--challenge', 'adfs'], [goOf(proof)]),
  ),
  row(`${EXEC} --intercept -- go-clients`, (proof) => ownEmulator(proof, ['--intercept'], [goOf(proof)])),
  row(`${EXEC} --managed-identity -- go-clients`, asMachine),
];

/** An emulator for this client alone: started, used and stopped by one command. */
async function ownEmulator(proof: Proof, options: string[], client: string[]): Promise<string> {
  const script = [join(PROOFS, 'with-vault.sh'), ...client];
  return said(await proof.site.emulator('exec', ...options, '--', 'sh', ...script));
}

/** The emulator of the other rows, whose machine gets a role on the vault that is there. */
async function asMachine(proof: Proof): Promise<string> {
  const { site } = proof;
  const filter = "displayName eq 'machine (system-assigned)'";
  const { json } = ok(await site.az('ad', 'sp', 'list', '--filter', filter));
  const machine = Array.isArray(json) ? field(json[0], 'id') : undefined;
  expect(typeof machine === 'string', 'az to find the identity of the machine');
  const role = ['--role', 'Key Vault Administrator', '--scope', proof.vaultId];
  ok(await site.az('role', 'assignment', 'create', '--assignee', String(machine), ...role));
  return said(
    await site.emulator('exec', '--managed-identity', ...site.known, '--', goOf(proof), proof.vaultUri),
  );
}

function goOf({ site }: Proof): string {
  if (site.go === undefined) throw new Error('there is no Go on this machine to build the clients with');
  return site.go;
}

function said(ran: Ran): string {
  return ok(ran).out.trim().split('\n').join('; ');
}
