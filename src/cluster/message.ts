// Reading one message of a size told beforehand from a stream.

import type { IncomingHttpHeaders } from 'node:http2';
import type { Readable } from 'node:stream';

/** The declared size in bytes; undefined if there is none or it is no whole number. */
export function declaredSize(headers: IncomingHttpHeaders): number | undefined {
  const text = headers['content-length'];
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Resolves once exactly `size` bytes and the end have come; rejects on more, on fewer and on a stream that breaks. */
export function readMessage(stream: Readable, size: number): Promise<Uint8Array<ArrayBuffer>> {
  const message = new Uint8Array(new ArrayBuffer(size));
  let at = 0;
  return new Promise((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => {
      if (at + chunk.byteLength > size) {
        reject(new Error(`more than the declared ${size} bytes`));
        return;
      }
      message.set(chunk, at);
      at += chunk.byteLength;
    });
    stream.once('end', () => {
      if (at === size) resolve(message);
      else reject(new Error(`${at} of the declared ${size} bytes`));
    });
    stream.once('error', reject);
    stream.once('close', () => reject(new Error(`broken off after ${at} of ${size} bytes`)));
  });
}
