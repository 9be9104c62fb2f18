// How a call and its answer travel between our own nodes: JSON, format 1, inside the mutual TLS of the cluster port.

import { fromUtf8, utf8 } from '../base/bytes.ts';
import { type ErrorCode, LatchkeyError } from '../base/errors.ts';
import { isObject, type JsonObject, type JsonValue, parseJson } from '../base/json.ts';
import { JSON_DEPTH_MAX } from '../base/limits.ts';
import type { Answer, Call, Verb } from './call.ts';

const FORMAT = 1;
const VERBS: readonly string[] = ['read', 'write', 'patch', 'delete', 'list'] satisfies readonly Verb[];

/** The client's abort does not travel: the transport tells the other side that its stream was dropped. */
export function encodeCall(call: Call): Uint8Array {
  const { signal: _, token, wrapTtl, ...rest } = call;
  const record = { format: FORMAT, ...rest, token: token ?? null, wrapTtl: wrapTtl ?? null };
  return utf8(JSON.stringify(record));
}

/** @throws LatchkeyError bad_request if a node of another version sent something else. */
export function decodeCall(bytes: Uint8Array, signal: AbortSignal): Call {
  const value = parse(bytes);
  const listener = value['listener'];
  if (!isObject(listener) || !isObject(value['input'])) throw foreign();
  const verb = text(value, 'verb');
  if (!VERBS.includes(verb)) throw foreign();
  return {
    id: text(value, 'id'),
    verb: verb as Verb,
    path: text(value, 'path'),
    input: value['input'],
    token: typeof value['token'] === 'string' ? value['token'] : undefined,
    wrapTtl: typeof value['wrapTtl'] === 'string' ? value['wrapTtl'] : undefined,
    help: value['help'] === true,
    // A forwarded call is never forwarded again: two nodes that each think the other leads would play tennis.
    mayForward: false,
    ...(value['onlyDecide'] === true ? { onlyDecide: true } : {}),
    remoteAddress: text(value, 'remoteAddress'),
    listener: { loopback: listener['loopback'] === true, sealDetail: listener['sealDetail'] === true },
    signal,
  };
}

export function encodeAnswer(answer: Answer): Uint8Array {
  return utf8(JSON.stringify({ format: FORMAT, answer }));
}

/** An error of ours keeps code and public text; anything else becomes `internal`, its cause stays in this node's log. */
export function encodeRefusal(error: unknown): Uint8Array {
  const refusal =
    error instanceof LatchkeyError
      ? { code: error.code, message: error.message }
      : { code: 'internal', message: 'internal error' };
  return utf8(JSON.stringify({ format: FORMAT, refusal }));
}

/** @throws LatchkeyError as the active node threw it. */
export function decodeAnswer(bytes: Uint8Array): Answer {
  const value = parse(bytes);
  const refusal = value['refusal'];
  if (isObject(refusal)) {
    throw new LatchkeyError(text(refusal, 'code') as ErrorCode, text(refusal, 'message'));
  }
  if (!isObject(value['answer'])) throw foreign();
  return value['answer'] as unknown as Answer;
}

function parse(bytes: Uint8Array): JsonObject {
  let value: JsonValue;
  try {
    // Deeper than a body may be, by the members around it.
    value = parseJson(fromUtf8(bytes), JSON_DEPTH_MAX + 8);
  } catch (cause) {
    throw foreign(cause);
  }
  if (!isObject(value) || value['format'] !== FORMAT) throw foreign();
  return value;
}

function text(value: JsonObject, name: string): string {
  const member = value[name];
  if (typeof member !== 'string') throw foreign();
  return member;
}

function foreign(cause?: unknown): LatchkeyError {
  return new LatchkeyError(
    'bad_request',
    'a node of another version sent a message this node does not understand',
    {
      cause,
    },
  );
}
