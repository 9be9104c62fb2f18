// Addresses as an operator writes them and as sockets show them.

import { isIP } from 'node:net';
import { LatchkeyError } from '../base/errors.ts';

export interface BindAddress {
  /** Undefined: all addresses of the machine. */
  readonly host: string | undefined;
  readonly port: number;
}

/** `host:port`, `[v6]:port` or `:port`. @throws LatchkeyError config_invalid for anything else. */
export function bindAddress(text: string): BindAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new LatchkeyError('config_invalid', `listener address "${text}" is not of the form host:port`);
  }
  const host = match[1] ?? match[2] ?? '';
  return { host: host === '' ? undefined : host, port };
}

export function isLoopback(address: string): boolean {
  const plain = plainAddress(address);
  return plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'));
}

/** An IPv4 address that came in through an IPv6 socket, as IPv4. */
export function plainAddress(address: string): string {
  return address.toLowerCase().startsWith('::ffff:') && isIP(address.slice(7)) === 4
    ? address.slice(7)
    : address;
}
