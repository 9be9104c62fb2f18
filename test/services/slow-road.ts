// A road to a service on this machine that can hold back what is sent on it, and deliver it much later, even after the
// sender has gone: as networks do.

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export class SlowRoad implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isHeld = false;
  /** By connection, in order: once something of a connection is held, all that follows on it is. */
  readonly #held = new Map<Socket, (() => void)[]>();

  private constructor(targetPort: number) {
    this.#server = createServer((near) => {
      const far = connect(targetPort, '127.0.0.1');
      this.#keep(near);
      this.#keep(far);
      far.pipe(near);
      near.on('data', (bytes) => this.#carry(far, () => far.write(bytes)));
      near.on('close', () => {
        far.resume();
        this.#carry(far, () => far.end());
      });
    });
  }

  static async to(targetPort: number): Promise<SlowRoad> {
    const road = new SlowRoad(targetPort);
    road.#server.listen(0, '127.0.0.1');
    await once(road.#server, 'listening');
    return road;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** From now on nothing arrives, of connections that are there and of new ones. */
  hold(): void {
    this.#isHeld = true;
  }

  /**
   * What is sent from now on goes through; what was held stays where it is. Gives what delivers that, and resolves when
   * the service has heard it to the end. For senders who have gone.
   */
  pass(): () => Promise<void> {
    this.#isHeld = false;
    return async () => {
      const held = [...this.#held];
      this.#held.clear();
      const closed = held.map(([far]) => once(far, 'close'));
      for (const [, deliveries] of held) for (const deliver of deliveries) deliver();
      await Promise.all(closed);
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #carry(far: Socket, deliver: () => void): void {
    const held = this.#held.get(far);
    if (held !== undefined) held.push(deliver);
    else if (this.#isHeld) this.#held.set(far, [deliver]);
    else deliver();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
