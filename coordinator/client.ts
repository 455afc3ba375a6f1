/**
 * A small client of the coordinator's HTTP API, and the making of signed requests: the only place outside the nodes where
 * a request gets its authority. The coordinator never sees a client's key.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { SymbolonError } from '../wire/errors/index.ts';
import type { Scheme } from '../wire/ids.ts';
import type { Payload, Request } from '../wire/messages/request.ts';
import type {
  CreateKeyBody,
  EvidenceBody,
  HealthBody,
  KeyBody,
  KeysBody,
  ManifestBody,
  ManifestPutBody,
  PairBody,
  PairingBody,
  ProblemBody,
  SignatureBody,
  StatusBody,
} from './api.ts';
import type { KeyAddress } from './chains/address.ts';
import { signRequest } from '../manifest/index.ts';

/** What the body of a request says beside its head. Names of nodes are sorted here. */
export type RequestContent =
  | {
      readonly action: 'key.create';
      readonly scheme: Scheme;
      readonly threshold: number;
      readonly nodes: readonly string[];
      readonly purpose: string;
      readonly label: string;
    }
  | {
      readonly action: 'sign';
      /** 32 hexadecimal digits. */
      readonly key: string;
      readonly purpose: string;
      readonly payload: Payload;
      /** Steps under the key; absent for the key itself. */
      readonly path?: readonly number[];
    }
  | {
      readonly action: 'key.refresh';
      readonly key: string;
      readonly purpose: string;
      /** Generation that the key has now. */
      readonly generation: number;
    }
  | {
      readonly action: 'key.reshare';
      readonly key: string;
      readonly purpose: string;
      readonly label: string;
      readonly generation: number;
      /** `encodeKeyPublic` bytes: `public` of the key's body. */
      readonly public: Uint8Array;
      /** Exactly as many present holders as the present threshold. */
      readonly dealers: readonly string[];
      readonly nodes: readonly string[];
      readonly threshold: number;
    }
  | { readonly action: 'pair' | 'pair.renew'; readonly nodes: readonly string[] };

/** Who asks, where, until when. */
export interface RequestHead {
  /** 16 bytes. */
  readonly cluster: Uint8Array;
  /** The client's name in the manifest. */
  readonly client: string;
  /** Life of the request in milliseconds; ten minutes unless told, at most a day. */
  readonly lifeMs?: number;
  /** Unix milliseconds; now unless told. */
  readonly now?: number;
  /** 16 bytes; random unless told. The same id with other content is refused by every node. */
  readonly id?: Uint8Array;
}

const defaultLifeMs = 600_000;

/** Makes signed-request bytes. The seed (32 bytes, Ed25519) is wiped here, whatever happens. */
export function makeSignedRequest(head: RequestHead, content: RequestContent, seed: Uint8Array): Uint8Array {
  try {
    const issuedAt = head.now ?? Date.now();
    const common = {
      v: 1,
      cluster: head.cluster,
      id: head.id ?? new Uint8Array(randomBytes(16)),
      client: head.client,
      issuedAt,
      expiresAt: issuedAt + (head.lifeMs ?? defaultLifeMs),
    } as const;
    return signRequest(requestOf(common, content), seed);
  } finally {
    seed.fill(0);
  }
}

function requestOf(
  head: Pick<Request, 'v' | 'cluster' | 'id' | 'client' | 'issuedAt' | 'expiresAt'>,
  content: RequestContent,
): Request {
  const sorted = (names: readonly string[]): string[] => [...names].sort();
  switch (content.action) {
    case 'sign': {
      const { path, ...rest } = content;
      return { ...head, ...rest, ...(path === undefined || path.length === 0 ? {} : { path: [...path] }) };
    }
    case 'key.refresh':
      return { ...head, ...content };
    case 'key.reshare':
      return { ...head, ...content, nodes: sorted(content.nodes), dealers: sorted(content.dealers) };
    case 'key.create':
      return { ...head, ...content, nodes: sorted(content.nodes) };
    case 'pair':
    case 'pair.renew':
      return { ...head, action: content.action, nodes: sorted(content.nodes) };
  }
}

/**
 * Reads an Ed25519 seed file of exactly 32 raw bytes. The caller owns the result and wipes it.
 * @throws SymbolonError `coordinator/config`.
 */
export async function readSeedFile(file: string): Promise<Uint8Array> {
  let raw: Buffer;
  try {
    raw = await readFile(file);
  } catch (cause) {
    throw new SymbolonError(
      'coordinator/config',
      { file, field: 'seed file', reason: 'can not be read' },
      { cause },
    );
  }
  try {
    if (raw.length !== 32) {
      throw new SymbolonError('coordinator/config', {
        file,
        field: 'seed file',
        reason: 'must have exactly 32 bytes',
      });
    }
    return Uint8Array.from(raw);
  } finally {
    raw.fill(0);
  }
}

/** Where the API is, and with what it is asked. */
export interface ApiClientOptions {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** The API key, `symbolon_...`. */
  readonly apiKey: string;
  /** Longest time for one call in milliseconds; 60000 unless told. */
  readonly timeoutMs?: number;
}

/** Options of a call that may take long. */
export interface WaitOptions {
  /** Longest wait for the result in milliseconds, 0 to 60000. */
  readonly waitMs?: number;
  /** 1 to 128 printable characters: the same key with the same body is the same call. */
  readonly idempotencyKey?: string;
}

/**
 * The API, typed. A refusal is a SymbolonError `coordinator/refused` with the code and the detail of the answer;
 * `coordinator/api` where nothing that understands the API answered.
 */
export class ApiClient {
  readonly #options: ApiClientOptions;

  constructor(options: ApiClientOptions) {
    this.#options = options;
  }

  health(): Promise<HealthBody> {
    return this.#call('GET', '/v1/health');
  }
  status(): Promise<StatusBody> {
    return this.#call('GET', '/v1/status');
  }
  /** All keys sorted by id, page by page. */
  async keys(): Promise<readonly KeyBody[]> {
    const all: KeyBody[] = [];
    for (let after: string | null | undefined; after !== null;) {
      const page = await this.keyPage({ after, limit: 256 });
      all.push(...page.keys);
      after = page.next !== null && page.next > (after ?? '') ? page.next : null;
    }
    return all;
  }
  /** Keys with ids after `after`, `limit` of them: 1 to 256, 100 unless told. */
  keyPage({
    after,
    limit,
  }: { readonly after?: string | undefined; readonly limit?: number } = {}): Promise<KeysBody> {
    const query = new URLSearchParams({
      ...(after === undefined ? {} : { after }),
      ...(limit === undefined ? {} : { limit: String(limit) }),
    }).toString();
    return this.#call('GET', `/v1/keys${query === '' ? '' : `?${query}`}`);
  }
  key(id: string): Promise<KeyBody> {
    return this.#call('GET', `/v1/keys/${encodeURIComponent(id)}`);
  }
  /** @param more - `path` like `m/0/5`, `hrp` for Cosmos. */
  address(
    id: string,
    chain?: string,
    network?: string,
    more: { readonly path?: string; readonly hrp?: string } = {},
  ): Promise<KeyAddress> {
    const query = new URLSearchParams({
      ...(chain === undefined ? {} : { chain }),
      ...(network === undefined ? {} : { network }),
      ...more,
    }).toString();
    return this.#call('GET', `/v1/keys/${encodeURIComponent(id)}/address${query === '' ? '' : `?${query}`}`);
  }
  /** Hands in a signed `key.create` request. */
  createKey(signed: Uint8Array, options: WaitOptions = {}): Promise<CreateKeyBody> {
    return this.#request('/v1/keys', signed, options);
  }
  /** Hands in a signed `key.refresh` request. */
  refreshKey(id: string, signed: Uint8Array, options: WaitOptions = {}): Promise<CreateKeyBody> {
    return this.#request(`/v1/keys/${encodeURIComponent(id)}/refresh`, signed, options);
  }
  /** Hands in a signed `key.reshare` request. */
  reshareKey(id: string, signed: Uint8Array, options: WaitOptions = {}): Promise<CreateKeyBody> {
    return this.#request(`/v1/keys/${encodeURIComponent(id)}/reshare`, signed, options);
  }
  async pairings(): Promise<readonly PairingBody[]> {
    const answer = await this.#call<{ readonly pairings: readonly PairingBody[] }>('GET', '/v1/pairings');
    return answer.pairings;
  }
  /** Hands in a signed `pair` or `pair.renew` request. */
  pair(signed: Uint8Array, options: WaitOptions = {}): Promise<PairBody> {
    return this.#request('/v1/pairings', signed, options);
  }
  /** Hands in a signed `sign` request. */
  sign(signed: Uint8Array, options: WaitOptions = {}): Promise<SignatureBody> {
    return this.#request('/v1/signatures', signed, options);
  }
  signature(id: string): Promise<SignatureBody> {
    return this.#call('GET', `/v1/signatures/${encodeURIComponent(id)}`);
  }
  evidence(node: string): Promise<EvidenceBody> {
    return this.#call('GET', `/v1/evidence/${encodeURIComponent(node)}`);
  }
  manifest(): Promise<ManifestBody> {
    return this.#call('GET', '/v1/manifest');
  }
  putManifest(signed: Uint8Array): Promise<ManifestPutBody> {
    return this.#call('PUT', '/v1/manifest', { manifest: Buffer.from(signed).toString('base64') });
  }

  #request<T>(path: string, signed: Uint8Array, { waitMs, idempotencyKey }: WaitOptions): Promise<T> {
    return this.#call(
      'POST',
      waitMs === undefined ? path : `${path}?wait=${waitMs}`,
      { request: Buffer.from(signed).toString('base64') },
      idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey },
    );
  }

  async #call<T>(
    method: string,
    path: string,
    body?: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    const { url, apiKey, timeoutMs } = this.#options;
    let status: number;
    let answer: unknown;
    try {
      const response = await fetch(new URL(path, url), {
        method,
        headers: {
          authorization: `Bearer ${apiKey}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs ?? 60_000),
      });
      ({ status } = response);
      answer = await response.json();
    } catch (cause) {
      const code = causeCode(cause);
      throw new SymbolonError('coordinator/api', { url, reason: code }, { cause });
    }
    if (status >= 200 && status < 300) {
      return answer as T;
    }
    const { code, detail, todo } = (answer ?? {}) as Partial<ProblemBody>;
    throw new SymbolonError('coordinator/refused', {
      status,
      code: code ?? 'unknown',
      detail: detail ?? '',
      advice: todo ?? '',
    });
  }
}

/** The errno name below a failed fetch, or the kind of failure. */
function causeCode(error: unknown): string {
  const below = error instanceof Error ? error.cause : undefined;
  if (below instanceof Error && 'code' in below && typeof below.code === 'string') {
    return below.code;
  }
  return error instanceof Error ? error.name : 'unknown';
}
