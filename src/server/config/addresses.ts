// Addresses and URLs as a config file writes them.

import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';

import type { HostPort } from './config.ts';

/** A value, or one sentence that says what is wrong with it. */
export type Checked<T> = { readonly value: T } | { readonly fault: string };

/** `10.0.0.1:8200`, `[::1]:8200`, `localhost:8200`, `:8200`. */
export function parseHostPort(text: string): Checked<HostPort> {
  if (text.includes('{{'))
    return { fault: 'address templates {{ … }} are not in this version; write the address' };
  if (text.includes('://')) return { fault: 'an address is host:port, without https://' };
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (!match) {
    const bracket = isIPv6(text) ? ', and IPv6 in brackets: [::1]:8200' : ' such as 127.0.0.1:8200';
    return { fault: `expected host:port${bracket}` };
  }
  const [, v6, name = '', digits] = match;
  const port = Number(digits);
  if (port > 65_535) return { fault: 'a port is at most 65535' };
  if (v6 !== undefined)
    return isIPv6(v6) ? { value: { host: v6, port } } : { fault: 'not an IPv6 address in [ ]' };
  // Digits and dots alone are meant as IPv4: 10.0.0.300 must not become a name to look up.
  const wrongV4 = /^[\d.]+$/.test(name) && !isIPv4(name);
  if (wrongV4 || !/^[A-Za-z0-9._-]*$/.test(name))
    return { fault: 'the host is neither a name nor an address' };
  return { value: { host: name === '' ? '0.0.0.0' : name, port } };
}

export function showHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function isLoopback(host: string): boolean {
  if (host.toLowerCase() === 'localhost') return true;
  const family = isIP(host);
  if (family === 0) return false;
  const loopback = new BlockList();
  loopback.addSubnet('127.0.0.0', 8, 'ipv4');
  loopback.addAddress('::1', 'ipv6');
  return loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

/** A URL of one of `protocols` (`https:`) without user, query and fragment; `path` false: without path either. */
export function parseUrl(text: string, protocols: readonly string[], { path = false } = {}): Checked<URL> {
  if (text.includes('{{'))
    return { fault: 'address templates {{ … }} are not in this version; write the address' };
  const url = URL.parse(text);
  const wanted = protocols.map((protocol) => `${protocol}//`).join(' or ');
  if (!url || !protocols.includes(url.protocol) || url.hostname === '') {
    return { fault: `expected a URL that starts with ${wanted}` };
  }
  if (url.username !== '' || url.password !== '')
    return { fault: 'a URL with a user or password is refused' };
  if (url.search !== '' || url.hash !== '') return { fault: 'a URL with ? or # is refused' };
  if (!path && url.pathname !== '/') return { fault: 'the URL must end behind the host and port' };
  return { value: url };
}

/** One address or one CIDR block, as a CIDR block. */
export function parseCidr(text: string): Checked<string> {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  const widest = family === 6 ? 128 : 32;
  const bits = prefix === undefined ? widest : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
  if (family === 0 || rest.length > 0 || !(bits <= widest)) {
    return { fault: 'expected an address or a block such as 10.0.0.0/8' };
  }
  return { value: `${address}/${bits}` };
}
