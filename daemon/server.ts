/**
 * The node's HTTP server: TLS 1.3 that ends here, CBOR bodies, the table of phase.ts. For each call, in this order and
 * before a byte of the body is read: who calls, may they, is it the phase, does the size fit.
 *
 * A caller that is not a client of the manifest sees one and the same refusal whatever went wrong.
 */
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { listenOn, type Address } from '../enclave/address/index.ts';
import { peerEd25519Key, serverTls } from '../enclave/channel/index.ts';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import { toHex } from '../wire/ids.ts';
import { maxConnections } from '../wire/limits.ts';
import type { Action } from '../wire/messages/manifest.ts';
import { problem } from '../wire/messages/node.ts';
import { Bucket } from './bucket.ts';
import { handlersOf, type Answer, type Handler } from './calls.ts';
import { mayConnect } from '../manifest/index.ts';
import { whereOf, type Log } from './log.ts';
import type { SignerNode } from './node.ts';
import { routes, type Route, type RouteName } from './phase.ts';
import { peerOf } from './sessions/contract.ts';

/** Time limits in milliseconds. */
const times = {
  /** A whole request, headers and body (T35). */
  request: 10_000,
  /** A connection without a request; above the 30 s after which a client's agent drops one. */
  idle: 60_000,
};
/** Longest header section in bytes. */
const maxHeaders = 8_192;
/** Evidence for callers that are not known, a second and at once. */
const publicEvidence = { perSecond: 50, burst: 100 };
/** Log lines about callers that are not known, a second and at once. */
const publicLog = { perSecond: 5, burst: 20 };

/** What the server works with. */
export interface ServerModules {
  readonly now: () => number;
  readonly random: (length: number) => Uint8Array;
  readonly log: Log;
}

/** A server that listens. */
export interface NodeServer {
  /** Where it listens. */
  readonly address: Address;
  /** Takes no more calls and drops every connection. */
  readonly close: () => Promise<void>;
}

/** Starts the server of a node. @throws SymbolonError `channel/*` where the address can't be listened on. */
export async function serve(node: SignerNode, listen: Address, modules: ServerModules): Promise<NodeServer> {
  const app = makeApp(node, modules);
  await app.ready();
  const { server } = app;
  server.maxConnections = maxConnections;
  const address = await listenOn(server, listen);
  return {
    address,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await app.close();
    },
  };
}

/** Who calls. */
interface Known {
  readonly client: string;
}

function makeApp(node: SignerNode, modules: ServerModules): FastifyInstance<Server> {
  const { tls } = node.gate;
  const app: FastifyInstance<Server> = fastify({
    logger: false,
    https: { ...serverTls(tls), maxHeaderSize: maxHeaders },
    requestTimeout: times.request,
    keepAliveTimeout: times.idle,
    connectionTimeout: times.idle,
    exposeHeadRoutes: false,
    // What is not HTTP at all gets no answer.
    clientErrorHandler: (_error, socket) => {
      socket.destroy();
    },
    frameworkErrors: (error, request, reply) => {
      void refuse(request, reply, error);
    },
  });
  // The TLS context holds its own copy from here on.
  tls.key.fill(0);

  const evidenceBucket = new Bucket(publicEvidence, modules);
  const logBucket = new Bucket(publicLog, modules);
  const handlers = handlersOf(node);

  /** The client behind a connection, if the manifest names its key now. */
  const knownOf = (socket: Socket, action: Action): Known | SymbolonError => {
    const key = peerEd25519Key(socket);
    const manifest = node.manifestOrNone();
    if (key === undefined || manifest === undefined) {
      return new SymbolonError('node/not-authorised', {});
    }
    try {
      return { client: mayConnect(manifest.manifest, key, action, { now: modules.now() }).name };
    } catch (error) {
      if (isSymbolonError(error)) {
        return error;
      }
      throw error;
    }
  };
  /** Whether details may be told: the caller holds the key of a client whose time is not over. */
  const isKnown = (socket: Socket): boolean => {
    const known = knownOf(socket, 'relay');
    return !(known instanceof SymbolonError) || known.code === 'request/not-granted';
  };

  const admit = (route: Route, request: FastifyRequest): Known => {
    const { socket } = request.raw;
    let caller: Known = { client: '' };
    if (route.who !== 'public') {
      const known = knownOf(socket, route.who);
      if (known instanceof SymbolonError) {
        throw known;
      }
      caller = known;
    } else if (route.maxBody > 0 && !isKnown(socket) && !evidenceBucket.take()) {
      // T43: work that costs a signature is bounded for callers that nobody vouches for.
      throw new SymbolonError('node/busy', { perSecond: publicEvidence.perSecond });
    }
    node.phase.require(route.phases);
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    if (route.maxBody === 0 && (encoding !== undefined || (length !== undefined && length !== '0'))) {
      throw new SymbolonError('node/bad-call', { reason: 'this call takes no body' });
    }
    return caller;
  };

  const refuse = async (request: FastifyRequest, reply: FastifyReply, thrown: unknown): Promise<void> => {
    const error = named(thrown, request, modules);
    const known = isKnown(request.raw.socket);
    if (known || logBucket.take()) {
      modules.log('warn', 'refused', {
        route: request.routeOptions.url ?? 'none',
        code: error.code,
        ...(known ? { detail: error.message.slice(0, 1_024) } : {}),
      });
    }
    const shown = known ? error : new SymbolonError('node/not-authorised', {});
    const peer = peerOf(shown);
    const body = known
      ? {
          code: shown.code,
          detail: shown.message.slice(0, 2_048),
          todo: shown.todo.slice(0, 1_024),
          ...(peer === undefined ? {} : { peer }),
        }
      : { code: shown.code };
    await reply
      .code(shown.http)
      .type('application/cbor')
      .send(Buffer.from(problem.encode(body)));
  };

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/cbor', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
  app.setErrorHandler((error, request, reply) => refuse(request, reply, error));
  app.setNotFoundHandler((request, reply) =>
    refuse(request, reply, new SymbolonError('node/no-such-route', {})),
  );

  for (const [name, route] of Object.entries(routes) as [RouteName, Route][]) {
    const callers = new WeakMap<FastifyRequest, Known>();
    app.route({
      method: route.method,
      url: route.path,
      bodyLimit: Math.max(1, route.maxBody),
      onRequest: (request, _reply, done) => {
        callers.set(request, admit(route, request));
        done();
      },
      handler: async (request, reply) => {
        const answer = await handled(handlers[name], request, callers.get(request)?.client ?? '');
        await send(reply, answer);
      },
    });
  }
  return app;
}

async function handled(handler: Handler, request: FastifyRequest, client: string): Promise<Answer> {
  const body = request.body instanceof Uint8Array ? request.body : new Uint8Array(0);
  return handler({ client, body, query: request.query as Readonly<Record<string, unknown>> });
}

async function send(reply: FastifyReply, { type, body }: Answer): Promise<void> {
  if (body.length === 0) {
    await reply.code(204).send();
    return;
  }
  await reply
    .code(200)
    .type(type)
    .send(typeof body === 'string' ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength));
}

/** The catalogue's name of an error. What has none is logged without its text, and told as an id. */
function named(thrown: unknown, request: FastifyRequest, modules: ServerModules): SymbolonError {
  if (isSymbolonError(thrown)) {
    return thrown;
  }
  const code = typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : '';
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new SymbolonError('wire/oversize', {
        what: 'body',
        size: Number(request.headers['content-length'] ?? request.routeOptions.bodyLimit + 1),
        limit: request.routeOptions.bodyLimit,
      });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new SymbolonError('node/bad-call', { reason: 'the content type is not application/cbor' });
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new SymbolonError('node/bad-call', { reason: 'the body has not the announced length' });
    case 'FST_ERR_BAD_URL':
      return new SymbolonError('node/no-such-route', {});
    default: {
      const id = toHex(modules.random(8));
      modules.log('error', 'internal', { id, where: whereOf(thrown) });
      return new SymbolonError('node/internal', { id }, { cause: thrown });
    }
  }
}
