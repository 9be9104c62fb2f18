// From where a token, or what leads to one, may be used.

import { BlockList, isIP } from 'node:net';
import { LatchkeyError } from '../base/errors.ts';

const BLOCKS_MAX = 256;

/**
 * Single addresses become blocks of one.
 * @throws LatchkeyError bad_request naming what is no address or block.
 */
export function parseCidrs(given: readonly string[]): readonly string[] {
  if (given.length > BLOCKS_MAX) {
    throw new LatchkeyError('bad_request', `more than ${BLOCKS_MAX} CIDR blocks are refused`);
  }
  return given.map((text) => {
    const [address = '', bits, ...rest] = text.trim().split('/');
    const family = isIP(address);
    const widest = family === 4 ? 32 : 128;
    const isBits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= widest);
    if (family === 0 || !isBits || rest.length > 0) {
      throw new LatchkeyError('bad_request', `"${text}" is no IP address or CIDR block`);
    }
    return `${address}/${bits ?? widest}`;
  });
}

/** No blocks: from anywhere. */
export function isFrom(cidrs: readonly string[], address: string): boolean {
  if (cidrs.length === 0) return true;
  const family = isIP(address);
  if (family === 0) return false;
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [net = '', bits] = cidr.split('/');
    list.addSubnet(net, Number(bits), isIP(net) === 4 ? 'ipv4' : 'ipv6');
  }
  return list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** True if every address of `inner` is in one of `outer`. Blocks as `parseCidrs` gives them. */
export function areWithin(inner: readonly string[], outer: readonly string[]): boolean {
  return inner.every((block) => {
    const [address = '', bits] = block.split('/');
    return outer.some((wider) => Number(wider.split('/')[1]) <= Number(bits) && isFrom([wider], address));
  });
}
