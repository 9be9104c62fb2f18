// Carries each request from Node's server through Fastify to the handler, and the answer back.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import { type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { formatDuration } from '../base/durations.ts';
import { explain, LatchkeyError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import type { CallHandler, ListenerTraits } from '../core/call.ts';
import { plainAddress } from './address.ts';
import type { Connections } from './connections.ts';
import { crossOrigin } from './cross-origin.ts';
import type { ForwardedFor } from './forwarded-for.ts';
import type { ClientError, ListVerb } from './list-verb.ts';
import { checkMetricsAccess, type MetricsAccess, metricsTarget } from './metrics-access.ts';
import { originForm, type ParseLimits, parseRequest } from './parse.ts';
import { type Rendered, renderAnswer, renderRefusal } from './render.ts';
import type { ResponseHeaders } from './response-headers.ts';
import { refusalOf } from './status.ts';

export interface EdgeOptions {
  readonly server: TlsServer;
  readonly connections: Connections;
  readonly listVerb: ListVerb;
  readonly handler: CallHandler;
  readonly log: Logger;
  /** Asked for each request: the bound address is known only after the edge is in place. */
  readonly traits: () => ListenerTraits;
  readonly bodyBytesMax: number;
  readonly durationMsMax: number;
  /** From the request to the last byte of its answer, milliseconds; 0 for no limit. */
  readonly writeMsMax: number;
  readonly parseLimits: ParseLimits;
  /** Undefined: the other end of the connection is the client. */
  readonly forwardedFor: ForwardedFor | undefined;
  /** Paths below `/v1/`, ending in `/`, that this listener does not serve. */
  readonly closedPaths: readonly string[];
  readonly metricsAccess: MetricsAccess;
  readonly headers: ResponseHeaders;
}

/** What is taken off a request before Fastify sees it. */
interface Arrival {
  readonly isList: boolean;
  /** Fastify refuses a body whose Content-Type it cannot parse; Vault takes JSON under any name. */
  readonly contentType: string | undefined;
}

/** Puts the edge on `server`. Resolves, ready for `listen`, to what closes Fastify after the server is closed. */
export async function openEdge(options: EdgeOptions): Promise<{ close(): Promise<void> }> {
  const edge = new Edge(options);
  const app = fastify({
    serverFactory: (dispatch) => {
      edge.receive((request, response) => void dispatch(request, response));
      return options.server;
    },
    clientErrorHandler: (error, socket) => {
      const failure: ClientError = error;
      if (!options.listVerb.take(failure, socket)) options.connections.refuse(failure, socket);
    },
    // One route for all: parse.ts reads the target itself, and the router must not decode or clean it before.
    rewriteUrl: () => '/',
    bodyLimit: options.bodyBytesMax,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    forceCloseConnections: false,
    logger: false,
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addHttpMethod('LINK', { hasBody: true });
  app.setErrorHandler((error, request, reply) => edge.refuseBody(error, request, reply));
  const answer = (request: FastifyRequest, reply: FastifyReply) => edge.answer(request, reply);
  app.route({ method: [...app.supportedMethods], url: '/', handler: answer });
  // Methods that Fastify does not route at all.
  app.setNotFoundHandler(answer);
  await app.ready();
  return { close: () => app.close() };
}

class Edge {
  readonly #options: EdgeOptions;
  readonly #arrivals = new WeakMap<IncomingMessage, Arrival>();

  constructor(options: EdgeOptions) {
    this.#options = options;
  }

  receive(dispatch: (request: IncomingMessage, response: ServerResponse) => void): void {
    const { server, connections, bodyBytesMax } = this.#options;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#note(request);
      connections.inTurn(request, response, () => dispatch(request, response));
    });
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      this.#note(request);
      connections.inTurn(request, response, () => {
        // RFC 9110, 10.1.1: a body that will be refused is not asked for.
        if (!(Number(request.headers['content-length']) > bodyBytesMax)) response.writeContinue();
        dispatch(request, response);
      });
    });
    server.on('connect', (_request, socket) => connections.refuseMethod(socket));
  }

  async answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const id = systemRandom.uuid();
    try {
      const isPreflight = await this.#allowOrigin(request.raw, reply);
      if (isPreflight) return this.#send(reply, { status: 200, headers: {}, body: undefined });
      return this.#send(reply, await this.#call(request, reply, id));
    } catch (error) {
      return this.#send(reply, this.#refuse(error, id));
    }
  }

  /** What Fastify itself found wrong with a body. */
  refuseBody(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
      const { socket } = request.raw;
      // Called by Node after the answer: the rest of the body is still on its way.
      socket.destroySoon = () => this.#options.connections.end(socket);
      const tooLarge = new LatchkeyError('payload_too_large', 'http: request body too large');
      return this.#send(reply, renderRefusal(refusalOf(tooLarge)));
    }
    const unreadable = new LatchkeyError('bad_request', 'the request body could not be read', {
      cause: error,
    });
    return this.#send(reply, this.#refuse(unreadable, systemRandom.uuid()));
  }

  #note(request: IncomingMessage): void {
    const contentType = request.headers['content-type'];
    this.#arrivals.set(request, { isList: this.#options.listVerb.claim(request), contentType });
    delete request.headers['content-type'];
  }

  async #call(request: FastifyRequest, reply: FastifyReply, id: string): Promise<Rendered> {
    const { raw } = request;
    const arrival = this.#arrivals.get(raw);
    this.#limitWriting(raw, reply.raw);
    const remoteAddress = this.#clientOf(raw);
    if (raw.httpVersion === '1.1' && raw.headers.host === undefined) {
      throw new LatchkeyError('bad_request', 'missing required Host header');
    }
    const body = request.body instanceof Uint8Array ? request.body : undefined;
    const parts = {
      method: raw.method ?? '',
      isList: arrival?.isList ?? false,
      target: metricsTarget(this.#options.metricsAccess, request.originalUrl),
      headers: { ...raw.headers, 'content-type': arrival?.contentType },
      body,
    };
    const parsed = parseRequest(parts, this.#options.parseLimits);
    body?.fill(0);
    checkMetricsAccess(this.#options.metricsAccess, parsed.path);
    if (this.#options.closedPaths.some((path) => `${parsed.path}/`.startsWith(path))) {
      throw new LatchkeyError('unsupported_path', 'this listener does not serve the path');
    }
    using deadline = new Deadline(reply.raw, this.#options.durationMsMax);
    const answer = await Promise.race([
      this.#options.handler.handle({
        ...parsed,
        id,
        remoteAddress,
        listener: this.#options.traits(),
        signal: deadline.signal,
      }),
      deadline.passed,
    ]);
    return renderAnswer(answer, { id, verb: parsed.verb, target: originForm(request.originalUrl) });
  }

  /** True if a browser asks whether it may ask. @throws as `crossOrigin`. */
  async #allowOrigin(raw: IncomingMessage, reply: FastifyReply): Promise<boolean> {
    if (raw.headers.origin === undefined) return false;
    const rules = await this.#options.handler.cors?.();
    if (rules === undefined) return false;
    const { headers, isPreflight } = crossOrigin(rules, raw);
    reply.headers(headers);
    return isPreflight;
  }

  #clientOf(raw: IncomingMessage): string {
    const peer = plainAddress(raw.socket.remoteAddress ?? '');
    const { forwardedFor } = this.#options;
    if (forwardedFor === undefined) return peer;
    return forwardedFor.clientOf(peer, raw.headersDistinct['x-forwarded-for']?.join(','));
  }

  /** A client that does not take its answer keeps the connection no longer than this. */
  #limitWriting(request: IncomingMessage, response: ServerResponse): void {
    const { writeMsMax } = this.#options;
    if (writeMsMax === 0) return;
    const timer = setTimeout(() => request.socket.destroy(), writeMsMax);
    response.once('close', () => clearTimeout(timer));
  }

  #refuse(error: unknown, id: string): Rendered {
    const refusal = refusalOf(error);
    // Neither path nor input: what a caller sent stays out of the log.
    if (refusal.status >= 500 && refusal.status !== 503) {
      this.#options.log.error('request failed', {
        request_id: id,
        status: refusal.status,
        cause: causeOf(error),
      });
    }
    return renderRefusal(refusal);
  }

  #send(reply: FastifyReply, rendered: Rendered): FastifyReply {
    reply
      .code(rendered.status)
      .headers({ ...this.#options.headers.of(rendered.status), ...rendered.headers });
    if (this.#options.connections.closing) reply.header('Connection', 'close');
    if (rendered.body === undefined) return reply.send();
    if (rendered.headers['Content-Type'] === undefined) reply.header('Content-Type', 'application/json');
    // As bytes: Fastify adds a charset to the type of a string.
    return reply.send(Buffer.from(rendered.body));
  }
}

/** Aborts the call when its time is up or its client has gone. */
class Deadline implements Disposable {
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #response: ServerResponse;
  readonly #gone: () => void;
  /** Rejects when the time is up. A client that has gone waits for nothing. */
  readonly passed: Promise<never>;

  constructor(response: ServerResponse, durationMs: number) {
    const { promise, reject } = Promise.withResolvers<never>();
    this.passed = promise;
    this.#timer = setTimeout(() => {
      const error = new LatchkeyError(
        'timeout',
        `the request took longer than ${formatDuration(durationMs)}`,
      );
      this.#abort.abort(error);
      reject(error);
    }, durationMs);
    // A handler that hears no signal must not keep the process from ending.
    this.#timer.unref();
    this.#gone = () => this.#abort.abort(new LatchkeyError('timeout', 'the client closed the connection'));
    this.#response = response;
    if (response.destroyed || response.socket?.destroyed) this.#gone();
    else this.#response.once('close', this.#gone);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#response.off('close', this.#gone);
  }
}

/** For the log: our own errors with their chain; of foreign ones what cannot quote a caller's input. */
function causeOf(error: unknown): string {
  if (error instanceof LatchkeyError) return explain(error);
  if (!(error instanceof Error)) return `a thrown ${typeof error}`;
  // The texts of SyntaxError (JSON.parse) and kin quote what they choked on.
  const frames = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  return [error.name, ...frames.slice(0, 4).map((frame) => frame.trim())].join(' ');
}
