// sys/generate-root/*, and OpenBao's twins of it that want a token: a new root token by a quorum of keys.
// Vault's API page /api-docs/system/generate-root, OpenBao's /api-docs/system/generate-root-token.

import { fromBase64, fromUtf8, SecretBytes, utf8 } from '../base/bytes.ts';
import { LatchkeyError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import type { Access, Request, Response, Route } from '../engine/engine.ts';
import { readFields } from '../engine/fields.ts';
import type { GenerateRootPort, GenerateRootView } from './ports.ts';
import { lowerCased, parseShare } from './share-text.ts';

const START_FIELDS = {
  otp: { type: 'string', help: 'One-time password as long as a token; without it the server makes one.' },
  pgp_key: { type: 'string', help: 'Not in this version.' },
} as const;

const UPDATE_FIELDS = {
  key: { type: 'string', help: 'One share of the unseal key or the recovery key, hex or base64.' },
  nonce: { type: 'string', help: 'Of the attempt.' },
} as const;

const DECODE_FIELDS = {
  encoded_token: { type: 'string', required: true, help: 'What the last share was answered with.' },
  otp: { type: 'string', required: true, help: 'The one-time password of the attempt.' },
} as const;

export function generateRootRoutes(port: GenerateRootPort): readonly Route[] {
  return [
    // Open, as in Vault before 2.0: it is for those who have no token left. A listener can shut it.
    ...routesAt('generate-root', 'open', port),
    ...routesAt('generate-root-token', 'token', port),
    {
      pattern: 'decode-token',
      access: 'open',
      operations: { update: async (request) => decode(request) },
      fields: DECODE_FIELDS,
      help: 'Takes the one-time password off an encoded token.',
    },
  ];
}

function routesAt(family: string, access: Access, port: GenerateRootPort): readonly Route[] {
  const answer = (view: GenerateRootView): Response =>
    access === 'open' ? { dress: 'raw', data: dataOf(view, true) } : { data: dataOf(view, false) };
  return [
    {
      pattern: `${family}/attempt`,
      access,
      operations: {
        read: async () => answer(await port.status()),
        update: async (request) => answer(await start(port, request)),
        delete: async () => {
          await port.cancel();
          return {};
        },
      },
      fields: START_FIELDS,
      help: 'Begins, shows and cancels the generation of a root token.',
    },
    {
      pattern: `${family}/update`,
      access,
      operations: { update: async (request) => answer(await update(port, request)) },
      fields: UPDATE_FIELDS,
      help: 'Gives one share; the last one that is needed is answered with the encoded token.',
    },
  ];
}

function start(port: GenerateRootPort, request: Request): Promise<GenerateRootView> {
  const { otp, pgp_key } = readFields(START_FIELDS, lowerCased(request.input));
  if (pgp_key !== undefined && pgp_key !== '') {
    throw new LatchkeyError(
      'bad_request',
      'error parsing PGP key: PGP is not in this version; leave pgp_key out, and the server makes an OTP',
    );
  }
  return port.start(otp === '' ? undefined : otp);
}

function update(port: GenerateRootPort, request: Request): Promise<GenerateRootView> {
  const { key = '', nonce = '' } = readFields(UPDATE_FIELDS, lowerCased(request.input));
  if (key === '') {
    throw new LatchkeyError('bad_request', "'key' must be specified in request body as JSON");
  }
  return port.submit(parseShare(key), nonce);
}

/** All members are always there; `encoded_root_token` is the older name. */
function dataOf(view: GenerateRootView, withOlder: boolean): JsonObject {
  return {
    nonce: view.nonce,
    started: view.started,
    progress: view.progress,
    required: view.required,
    complete: view.complete,
    encoded_token: view.encodedToken,
    ...(withOlder ? { encoded_root_token: view.encodedToken } : {}),
    pgp_fingerprint: '',
    otp: view.otp,
    otp_length: view.otpLength,
  };
}

function decode(request: Request): Response {
  const { encoded_token, otp } = readFields(DECODE_FIELDS, request.input);
  const padded = encoded_token.replace(/=+$/, '').padEnd(Math.ceil(encoded_token.length / 4) * 4, '=');
  const hidden = fromBase64(padded);
  if (hidden === undefined) throw new LatchkeyError('bad_request', 'the encoded token is not base64');
  using bytes = SecretBytes.take(hidden);
  using key = SecretBytes.take(utf8(otp));
  if (bytes.size !== key.size) {
    throw new LatchkeyError(
      'bad_request',
      `the token has ${bytes.size} bytes and the OTP has ${key.size}: they do not belong together`,
    );
  }
  const pad = key.expose();
  try {
    return { data: { token: fromUtf8(bytes.expose().map((byte, at) => byte ^ (pad[at] ?? 0))) } };
  } catch (cause) {
    throw new LatchkeyError('bad_request', 'this OTP does not belong to this token', { cause });
  }
}
