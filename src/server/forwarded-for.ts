// Whose address a request has that came through a proxy: Vault's x_forwarded_for_* keys of a listener.
// https://developer.hashicorp.com/vault/docs/configuration/listener/tcp

import { BlockList, isIP } from 'node:net';
import { LatchkeyError } from '../base/errors.ts';
import { plainAddress } from './address.ts';

export interface ForwardedForRules {
  /** CIDR blocks of the proxies that are believed; at least one. */
  readonly authorizedAddrs: readonly string[];
  /** Addresses that are skipped from the rear of the chain. */
  readonly hopSkips: number;
  readonly rejectNotPresent: boolean;
  readonly rejectNotAuthorized: boolean;
}

export class ForwardedFor {
  readonly #rules: ForwardedForRules;
  readonly #authorized = new BlockList();

  constructor(rules: ForwardedForRules) {
    this.#rules = rules;
    for (const block of rules.authorizedAddrs) {
      const [address = '', bits] = block.split('/');
      this.#authorized.addSubnet(address, Number(bits), family(address));
    }
  }

  /**
   * The client's address. `peer` is the other end of the connection; `header` is X-Forwarded-For with all its lines
   * joined by commas.
   * @throws LatchkeyError bad_request, with Vault's texts.
   */
  clientOf(peer: string, header: string | undefined): string {
    const { hopSkips, rejectNotPresent, rejectNotAuthorized } = this.#rules;
    if (header === undefined || header.trim() === '') {
      if (!rejectNotPresent) return peer;
      throw refusal('missing x-forwarded-for header and configured to reject when not present');
    }
    if (isIP(peer) === 0 || !this.#authorized.check(peer, family(peer))) {
      if (!rejectNotAuthorized) return peer;
      throw refusal('client address not authorized for x-forwarded-for and configured to reject connection');
    }
    const chain = header.split(',');
    const hop = chain.at(-1 - hopSkips);
    if (hop === undefined) {
      throw refusal(
        'malformed x-forwarded-for configuration or request, ' +
          `hops to skip (${hopSkips}) would skip before earliest chain link (chain length ${chain.length})`,
      );
    }
    return addressOf(hop.trim());
  }
}

/** Azure's Application Gateway, for one, writes the client's port behind its address. */
function addressOf(hop: string): string {
  const [, v6, v4] = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/.exec(hop) ?? [];
  const address = plainAddress(v6 ?? v4 ?? hop);
  // What is no address would pass into the audit log, and past every rule about addresses.
  if (isIP(address) === 0) throw refusal('malformed x-forwarded-for header: the hop to use is no IP address');
  return address;
}

function family(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

function refusal(text: string): LatchkeyError {
  return new LatchkeyError('bad_request', text);
}
