// What both kinds of server do with sockets: bind on loopback, keep every connection, and cut them all at the end.

import type { Server, Socket } from 'node:net';

export const LOOPBACK = '127.0.0.1';

/** Every connection that is open: close() of a server waits for them, and some hang on purpose. */
export class OpenSockets implements Iterable<Socket> {
  readonly #open = new Set<Socket>();
  #closed = false;

  keep(socket: Socket): void {
    // One that was accepted in the very moment of closing would be waited for without end.
    if (this.#closed) socket.destroy();
    this.#open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#open.delete(socket));
  }

  /** Stops the servers from listening and cuts every connection. */
  async close(...servers: Server[]): Promise<void> {
    this.#closed = true;
    const ends = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const socket of this.#open) socket.destroy();
    await Promise.all(ends);
  }

  [Symbol.iterator](): Iterator<Socket> {
    return this.#open.values();
  }
}

export function bind(server: Server, port: number, host: string = LOOPBACK): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, ipv6Only: host === '::1' }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
