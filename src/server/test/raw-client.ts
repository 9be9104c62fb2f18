// For tests: a client that sends exactly the bytes it is told to, and certificates to meet it with.

import { generateKeyPairSync, webcrypto } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
// First: the certificate library needs its metadata registry before it loads.
import 'reflect-metadata';
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const DEADLINE_MS = 10_000;

export class RawClient implements AsyncDisposable {
  readonly socket: Socket;
  #bytes = Buffer.alloc(0);
  #ended = false;
  #failure: Error | undefined;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake();
    });
    socket.on('error', (error) => {
      this.#failure = error;
    });
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.#ended = true;
        this.#wake();
      });
    }
  }

  /** Over TLS if `tls` is given. */
  static async open(port: number, tls?: ConnectionOptions): Promise<RawClient> {
    const socket =
      tls === undefined ? connect(port, '127.0.0.1') : connectTls({ port, host: '127.0.0.1', ...tls });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once(tls === undefined ? 'connect' : 'secureConnect', resolve);
    socket.once('error', reject);
    await promise;
    socket.off('error', reject);
    return new RawClient(socket);
  }

  /** Resolves when the kernel has taken the bytes, so that each call is a packet of its own on loopback. */
  async send(bytes: string | Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => this.socket.write(bytes, () => resolve()));
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** @throws Error if the connection ends, or the deadline passes, before the answer is whole. */
  async answer(withoutBody = false): Promise<RawAnswer> {
    for (;;) {
      const parsed = this.#parse(withoutBody);
      if (parsed !== undefined) return parsed;
      if (this.#ended) throw new Error(`the connection ended before the answer (${this.#failure?.message})`);
      await this.#change();
    }
  }

  /** Resolves when the server has ended the connection; true if it did so without a reset. */
  async end(): Promise<boolean> {
    while (!this.#ended) await this.#change();
    return this.#failure === undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
  }

  async #change(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error('the server said nothing in time')), DEADLINE_MS);
    this.#wake = resolve;
    await promise.finally(() => clearTimeout(timer));
  }

  #parse(withoutBody: boolean): RawAnswer | undefined {
    const headEnd = this.#bytes.indexOf('\r\n\r\n');
    if (headEnd < 0) return undefined;
    const [statusLine = '', ...lines] = this.#bytes.subarray(0, headEnd).toString('latin1').split('\r\n');
    const pairs = lines.map((line): [string, string] => {
      const at = line.indexOf(':');
      return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
    });
    const headers = Object.fromEntries(pairs);
    const start = headEnd + 4;
    const status = Number(statusLine.split(' ')[1]);
    const interim = status === 100;
    const length = withoutBody || interim ? 0 : Number(headers['content-length'] ?? 0);
    if (this.#bytes.byteLength < start + length) return undefined;
    const body = this.#bytes.subarray(start, start + length).toString();
    this.#bytes = this.#bytes.subarray(start + length);
    return { status, headers, body };
  }
}

export interface CertificateFiles extends AsyncDisposable {
  readonly folder: string;
  readonly cert: string;
  readonly key: string;
  /** The certificate itself, which is its own CA. */
  readonly pem: string;
  readonly keyPem: string;
  /** Writes another key and certificate to the same two files. */
  renew(): Promise<string>;
}

/** A self-signed certificate for 127.0.0.1 in a temporary folder. */
export async function certificateFiles(): Promise<CertificateFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-tls-'));
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  const write = async () => {
    const made = await makeCertificate();
    await writeFile(files.cert, made.cert);
    await writeFile(files.key, made.key, { mode: 0o600 });
    return made;
  };
  const first = await write();
  return {
    ...files,
    folder,
    pem: first.cert,
    keyPem: first.key,
    renew: async () => (await write()).cert,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function makeCertificate(): Promise<{ cert: string; key: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pkcs8 = pair.privateKey.export({ type: 'pkcs8', format: 'der' });
  const spki = pair.publicKey.export({ type: 'spki', format: 'der' });
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=127.0.0.1',
    keys: {
      privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign']),
      publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
    },
    signingAlgorithm: algorithm,
    notAfter: new Date(Date.now() + 86_400_000),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }]),
    ],
  });
  return {
    cert: certificate.toString('pem'),
    key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
