// Opens a standby's connection to the active node, up to the point where a message sent is sure to be looked at.

import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectTls, type SecureContext, type TLSSocket } from 'node:tls';
import { LatchkeyError } from '../base/errors.ts';
import type { ClusterIdentity } from './certificate.ts';
import * as wire from './wire.ts';

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** Reads `https://host:port`, the form of `cluster_addr`. Undefined if it is anything else. */
export function parseTarget(address: string): Target | undefined {
  const url = URL.parse(address);
  if (url === null || url.protocol !== 'https:' || (url.pathname !== '/' && url.pathname !== ''))
    return undefined;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return host === '' ? undefined : { host, port: url.port === '' ? 443 : Number(url.port) };
}

/** Rejects with an Error that says how far it came, or with the signal's reason. */
export async function dial(
  target: Target,
  identity: ClusterIdentity,
  context: SecureContext,
  signal: AbortSignal,
): Promise<ClientHttp2Session> {
  signal.throwIfAborted();
  const socket = connectTls({
    host: target.host,
    port: target.port,
    secureContext: context,
    servername: wire.CLUSTER_SERVER_NAME,
    ALPNProtocols: [wire.CLUSTER_PROTOCOL],
    // Said here because NODE_TLS_REJECT_UNAUTHORIZED would otherwise decide it.
    rejectUnauthorized: true,
  });
  // An error after the handshake is seen through the session; one without any listener would end the process.
  socket.on('error', () => {});
  const giveUp = () => socket.destroy();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    await secured(socket);
    if (socket.alpnProtocol !== wire.CLUSTER_PROTOCOL || !identity.isHeldBy(socket)) {
      throw new LatchkeyError('internal', 'it shows another certificate or speaks another protocol');
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 10_000);
    return await greeted(socket);
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

function secured(socket: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed during the handshake')));
  });
}

/**
 * In TLS 1.3 the client is done before the server has looked at its certificate. The server's first frame, its
 * settings, is the proof that it accepted; nothing is sent before that, so that a refused node knows that
 * nothing was delivered.
 */
function greeted(socket: TLSSocket): Promise<ClientHttp2Session> {
  const session = connectHttp2(`https://${wire.CLUSTER_SERVER_NAME}`, {
    createConnection: () => socket,
    maxSessionMemory: wire.SESSION_MEMORY_MB_MAX,
    settings: { enablePush: false, initialWindowSize: wire.STREAM_WINDOW_BYTES },
  });
  return new Promise((resolve, reject) => {
    session.once('remoteSettings', () => {
      session.setLocalWindowSize(wire.CONNECTION_WINDOW_BYTES);
      resolve(session);
    });
    session.on('error', reject);
    session.once('close', () => reject(new Error('closed before the active node accepted the certificate')));
  });
}
