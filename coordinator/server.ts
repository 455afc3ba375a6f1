/**
 * The HTTP API: JSON over HTTP/1.1 on loopback. Every route but health and the API description needs an API key, which
 * is checked before a body is read. What is signed was signed by the client: an API key lets its holder ask, and makes
 * nothing valid.
 */
import swagger from '@fastify/swagger';
import { createHash } from 'node:crypto';
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import { catalogue } from '../wire/errors/index.ts';
import { equalBytes, toHex } from '../wire/ids.ts';
import { requestBytes, signedRequest } from '../wire/messages/request.ts';
import { callerOf } from './apiKeys.ts';
import type { HealthBody, KeysBody, ManifestBody, ProblemBody } from './api.ts';
import { parsePath } from './chains/path.ts';
import type { Coordinator } from './coordinator.ts';
import { parseStrictJson } from './json.ts';
import type { Log } from './log.ts';
import {
  addressQuery,
  answers,
  bodyLimits,
  healthAnswers,
  idParams,
  manifestBody,
  nodeParams,
  noQuery,
  pageAnswers,
  pageQuery,
  requestBody,
  statusAnswers,
  waitQuery,
} from './schemas.ts';
import type { ApiKeyRecord, Store } from './store/store.ts';

/** What the API needs of a coordinator. */
export type ApiCoordinator = Pick<
  Coordinator,
  | 'sign'
  | 'createKey'
  | 'renewKey'
  | 'pair'
  | 'stored'
  | 'signature'
  | 'status'
  | 'health'
  | 'keys'
  | 'keyBody'
  | 'keyPage'
  | 'pairings'
  | 'address'
  | 'evidence'
  | 'putManifest'
  | 'manifest'
  | 'metrics'
  | 'metricsText'
>;

/** What the API works with. */
export interface ServerModules {
  readonly coordinator: ApiCoordinator;
  readonly store: Pick<Store, 'claimIdempotency'>;
  /** All API keys in force. */
  readonly apiKeys: () => readonly ApiKeyRecord[];
  readonly now: () => number;
  readonly log: Log;
}

/** Longest wait for a result where the caller names none, in milliseconds. */
const defaultWaitMs = 30_000;

/** Keys of one page where the caller names no number. */
const defaultPage = 100;

/** Routes that need no API key. */
const open = new Set(['/v1/health', '/openapi.json']);

/** Makes the API server; the caller lets it listen. */
export async function makeServer(modules: ServerModules): Promise<FastifyInstance> {
  const { coordinator, log } = modules;
  const app = fastify({
    logger: false,
    bodyLimit: bodyLimits.request,
    routerOptions: { maxParamLength: 64, ignoreTrailingSlash: false },
    // A slow or silent client holds a connection, nothing else (T35).
    connectionTimeout: 60_000,
    requestTimeout: 30_000,
    forceCloseConnections: true,
    ajv: {
      customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: false },
    },
  });
  const callers = new WeakMap<FastifyRequest, string>();

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, parseStrictJson(String(body), 'body'));
    } catch (error) {
      done(error instanceof Error ? error : new Error('unreadable'));
    }
  });
  app.setErrorHandler((error, request, reply) => {
    sendProblem(asProblem(error, request), reply, modules);
  });
  app.setNotFoundHandler((request, reply) => {
    sendProblem(
      new SymbolonError('coordinator/no-such-route', { method: methodOf(request) }),
      reply,
      modules,
    );
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
    if (open.has(request.routeOptions.url ?? '')) {
      return;
    }
    // Before the body is read: what a stranger sends is never parsed (T34, T43).
    const caller = callerOf(request.headers.authorization, modules.apiKeys());
    if (caller === undefined) {
      throw new SymbolonError('coordinator/unauthenticated', {});
    }
    callers.set(request, caller);
    return Promise.resolve();
  });

  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'symbolon coordinator',
        version: '1',
        description:
          'Bytes that a person compares are lower-case hexadecimal; documents that programs pass on are base64. Times are Unix milliseconds.',
      },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
      security: [{ key: [] }],
    },
  });

  /** Same key and same body: go on, the request id makes the answer the same. Another body: refused. */
  const claim = async (request: FastifyRequest, body: string): Promise<void> => {
    const header = request.headers['idempotency-key'];
    if (header === undefined) {
      return;
    }
    if (typeof header !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(header)) {
      throw new SymbolonError('coordinator/bad-request', {
        where: 'idempotency-key',
        reason: '1 to 128 printable characters, once',
      });
    }
    const route = `${request.method} ${request.routeOptions.url ?? ''}`;
    const bodyHash = new Uint8Array(createHash('sha256').update(body).digest());
    const known = await modules.store.claimIdempotency({
      caller: callers.get(request) ?? '',
      key: header,
      route,
      bodyHash,
      createdAt: modules.now(),
    });
    if (known.route !== route || !equalBytes(known.bodyHash, bodyHash)) {
      throw new SymbolonError('coordinator/idempotency-conflict', { route });
    }
  };

  /** What a caller is told whose wait is over: only once a restart would take the request up. */
  const accepted = async (signed: Uint8Array): Promise<RunningBody> => {
    const running = runningOf(signed);
    await coordinator.stored(running.id);
    return running;
  };

  app.get(
    '/v1/health',
    { schema: { querystring: noQuery, security: [], response: healthAnswers } },
    (): HealthBody => coordinator.health(),
  );
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  app.get('/metrics', { schema: { querystring: noQuery, hide: true } }, (_request, reply) => {
    reply.type('text/plain; version=0.0.4; charset=utf-8');
    return coordinator.metricsText();
  });
  app.get('/v1/status', { schema: { querystring: noQuery, response: statusAnswers } }, () =>
    coordinator.status(),
  );
  app.get<{ Querystring: PageQuery }>(
    '/v1/keys',
    { schema: { querystring: pageQuery, response: pageAnswers } },
    ({ query: { after = '', limit } }): KeysBody =>
      coordinator.keyPage(after, limit === undefined ? defaultPage : Number(limit)),
  );
  app.get<{ Params: { id: string } }>(
    '/v1/keys/:id',
    { schema: { params: idParams, querystring: noQuery, response: answers('A key', 200) } },
    ({ params }) => coordinator.keyBody(coordinator.keys.get(params.id)),
  );
  app.get<{ Params: { id: string }; Querystring: AddressQuery }>(
    '/v1/keys/:id/address',
    { schema: { params: idParams, querystring: addressQuery, response: answers('An address', 200) } },
    ({ params, query: { path, ...asked } }) =>
      coordinator.address(params.id, { ...asked, path: path === undefined ? [] : parsePath(path) }),
  );
  app.get('/v1/pairings', { schema: { querystring: noQuery, response: answers('Pairings', 200) } }, () => ({
    pairings: coordinator.pairings(),
  }));
  app.get<{ Params: { node: string } }>(
    '/v1/evidence/:node',
    { schema: { params: nodeParams, querystring: noQuery, response: answers('Evidence', 200) } },
    ({ params }) => coordinator.evidence(params.node),
  );
  app.get('/v1/manifest', { schema: { querystring: noQuery, response: answers('Manifest', 200) } }, () => {
    const { hash, version, signed } = coordinator.manifest;
    return {
      hash: toHex(hash),
      version,
      manifest: Buffer.from(signed).toString('base64'),
    } satisfies ManifestBody;
  });
  app.put<{ Body: { manifest: string } }>(
    '/v1/manifest',
    {
      bodyLimit: bodyLimits.manifest,
      schema: { body: manifestBody, querystring: noQuery, response: answers('Manifest', 200) },
    },
    ({ body }) => coordinator.putManifest(fromBase64(body.manifest, 'manifest')),
  );
  /** A route that takes a signed request: its result, or 202 where the wait is over before. The work goes on then. */
  const takes = (
    path: string,
    description: string,
    status: 200 | 201,
    work: (signed: Uint8Array, id: string) => Promise<unknown>,
  ): void => {
    const schema = {
      body: requestBody,
      querystring: waitQuery,
      response: answers(description, status, 202),
      ...(path.includes(':id') ? { params: idParams } : {}),
    };
    app.post<SignedCall>(path, { schema }, async (request, reply) => {
      const { body, query, params } = request;
      const signed = fromBase64(body.request, 'request');
      await claim(request, body.request);
      const done = await finished(work(signed, params.id ?? ''), query.wait, log);
      // The same request asked again joins what goes on.
      return done === undefined
        ? reply.status(202).send(await accepted(signed))
        : reply.status(status).send(done);
    });
  };
  takes('/v1/keys', 'Key creation', 201, (signed) => coordinator.createKey(signed));
  takes('/v1/keys/:id/refresh', 'New shares for the same holders', 200, (signed, id) =>
    coordinator.renewKey('key.refresh', id, signed),
  );
  takes('/v1/keys/:id/reshare', 'New shares for other holders', 200, (signed, id) =>
    coordinator.renewKey('key.reshare', id, signed),
  );
  takes('/v1/pairings', 'Pairings of nodes', 200, (signed) => coordinator.pair(signed));
  takes('/v1/signatures', 'A signature', 200, (signed) => coordinator.sign(signed));
  app.get<{ Params: { id: string } }>(
    '/v1/signatures/:id',
    { schema: { params: idParams, querystring: noQuery, response: answers('A signing job', 200) } },
    ({ params }) => coordinator.signature(params.id),
  );
  await app.ready();
  return app;
}

/** The result, or `undefined` where the wait ends before. The work goes on then, and its error is in the job. */
async function finished<T>(work: Promise<T>, wait: string | undefined, log: Log): Promise<T | undefined> {
  const ms = wait === undefined ? defaultWaitMs : Number(wait);
  let timer: NodeJS.Timeout | undefined;
  let left = false;
  const limit = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => {
      left = true;
      resolve(undefined);
    }, ms);
  });
  work.catch((error: unknown) => {
    if (left) {
      log('warn', 'late-failure', { code: isSymbolonError(error) ? error.code : 'coordinator/internal' });
    }
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** A call with a signed request. */
interface SignedCall {
  readonly Body: { readonly request: string };
  readonly Querystring: { readonly wait?: string };
  readonly Params: { readonly id?: string };
}
interface PageQuery {
  readonly after?: string;
  readonly limit?: string;
}
interface AddressQuery {
  readonly chain?: string;
  readonly network?: string;
  readonly path?: string;
  readonly hrp?: string;
}
/** How a request that was accepted stands while it runs. `key` is absent where it is about no key that exists. */
interface RunningBody {
  readonly id: string;
  readonly status: 'running';
  readonly key?: string;
}
function runningOf(signed: Uint8Array): RunningBody {
  const request = requestBytes.decode(signedRequest.decode(signed).request);
  return {
    id: toHex(request.id),
    status: 'running',
    ...(request.action === 'sign' ? { key: request.key } : {}),
  };
}

/** Bytes of canonical base64; another spelling of the same bytes is refused. */
function fromBase64(text: string, where: string): Uint8Array {
  const raw = Buffer.from(text, 'base64');
  if (raw.toString('base64') !== text) {
    throw new SymbolonError('coordinator/bad-request', { where, reason: 'not canonical base64' });
  }
  return new Uint8Array(raw);
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const methodOf = ({ method }: FastifyRequest): string => methods.find((one) => one === method) ?? 'other';

/** The catalogue's error for what fastify or a route threw. */
function asProblem(error: unknown, request: FastifyRequest): SymbolonError {
  if (isSymbolonError(error)) {
    return error;
  }
  const given = error as Partial<FastifyError>;
  if (given.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const limit = request.routeOptions.bodyLimit;
    const size = Number(request.headers['content-length'] ?? limit + 1);
    return new SymbolonError('wire/oversize', { what: 'body', size, limit }, { cause: error });
  }
  if (given.validation !== undefined) {
    const [first] = given.validation;
    return new SymbolonError('coordinator/bad-request', {
      where: `${given.validationContext ?? 'request'}${first?.instancePath ?? ''}`,
      reason: first?.message ?? 'does not fit the schema',
    });
  }
  if (given.statusCode !== undefined && given.statusCode < 500) {
    const where = given.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE' ? 'content-type' : 'request';
    const reason = where === 'content-type' ? 'must be application/json' : 'not a valid HTTP request';
    return new SymbolonError('coordinator/bad-request', { where, reason }, { cause: error });
  }
  return new SymbolonError('coordinator/internal', {}, { cause: error });
}

function sendProblem(error: SymbolonError, reply: FastifyReply, { coordinator, log }: ServerModules): void {
  coordinator.metrics.refused(error.code);
  if (error.code === 'coordinator/internal') {
    // The log gets the kind and the place of the mistake, never its message, which may quote what was sent.
    const cause = error.cause instanceof Error ? error.cause : undefined;
    log('error', 'internal', {
      name: cause?.name,
      at: cause?.stack
        ?.split('\n')
        .find((line) => line.trimStart().startsWith('at '))
        ?.trim(),
    });
  }
  const body: ProblemBody = {
    type: `urn:symbolon:error:${error.code}`,
    title: catalogue[error.code].what,
    status: error.http,
    code: error.code,
    detail: error.message,
    todo: error.todo,
  };
  void reply.status(error.http).type('application/problem+json').send(JSON.stringify(body));
}
