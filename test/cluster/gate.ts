// A door on a port of its own before a service: closed, silent, or open. For services that come up late.

import { connect, createServer, type Server, type Socket } from 'node:net';
import { choosePorts } from '../../demo/ports.ts';

export class Gate implements AsyncDisposable {
  readonly port: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  private constructor(port: number) {
    this.port = port;
  }

  /** Closed: whoever connects is refused. */
  static async closed(): Promise<Gate> {
    const [pair] = await choosePorts(0);
    if (pair === undefined) throw new Error('no port is free');
    return new Gate(pair.apiPort);
  }

  /** Takes connections and never says a word. */
  silent(): Promise<void> {
    return this.#listen((socket) => socket.resume());
  }

  /** Carries bytes to and from `targetPort` on this machine. */
  open(targetPort: number): Promise<void> {
    return this.#listen((socket) => {
      const target = connect(targetPort, '127.0.0.1');
      this.#keep(target);
      socket.pipe(target).pipe(socket);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    if (server !== undefined) await new Promise<void>((done) => server.close(() => done()));
  }

  async #listen(serve: (socket: Socket) => void): Promise<void> {
    await this[Symbol.asyncDispose]();
    const server = createServer((socket) => {
      this.#keep(socket);
      serve(socket);
    });
    this.#server = server;
    await new Promise<void>((done, failed) => {
      server.once('error', failed);
      server.listen(this.port, '127.0.0.1', () => done());
    });
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
