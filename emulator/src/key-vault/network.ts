// A vault's firewall: public access, and whose address may reach the data. ARM is not behind it.

import { BlockList } from 'node:net';
import type { Caller } from '../entra/tokens.ts';
import { ServiceError } from '../http/message.ts';
import { describe } from './access.ts';
import type { Vault } from './vault.ts';

/** Everybody is on loopback here. */
const CLIENT_ADDRESS = '127.0.0.1';

/** Throws the 403 of the firewall. As on Azure it comes after the token and before the rights. */
export function checkNetwork(vault: Vault, caller: Caller): void {
  if (vault.publicAccess === 'Disabled') {
    throw new ServiceError(
      403,
      'Forbidden',
      `Public network access is disabled and request is not from a trusted service nor via an approved private link.\r\nCaller: ${describe(caller)}\r\nVault: ${vault.name};location=${vault.location}`,
      { innerCode: 'ForbiddenByConnection' },
    );
  }
  if (!vault.network || vault.network.defaultAction === 'Allow') return;
  const allowed = new BlockList();
  for (const rule of vault.network.ipRules) {
    const [address = '', bits] = rule.split('/');
    allowed.addSubnet(address, Number(bits ?? '32'), 'ipv4');
  }
  if (allowed.check(CLIENT_ADDRESS)) return;
  throw new ServiceError(
    403,
    'Forbidden',
    `Client address is not authorized and caller is not a trusted service.\r\nClient address: ${CLIENT_ADDRESS}\r\nCaller: ${describe(caller)}\r\nVault: ${vault.name};location=${vault.location}`,
    { innerCode: 'ForbiddenByFirewall' },
  );
}
