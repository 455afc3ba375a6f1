/**
 * The coordinator's own client of the manifest. Its key opens the connections to the nodes, and signs the two requests
 * that need nobody's decision: absent pairings, and presignatures for later.
 */
import { publicKeyOfSeed, signRequest } from '../manifest/index.ts';
import { equalBytes, type Scheme } from '../wire/ids.ts';
import type { Manifest, ManifestClient } from '../wire/messages/manifest.ts';
import {
  requestHash,
  signedRequest,
  type PairRequest,
  type PresignRequest,
} from '../wire/messages/request.ts';

type Head = 'v' | 'cluster' | 'id' | 'client' | 'issuedAt' | 'expiresAt';
/** What the coordinator asks for by itself. Never the renewal of a pairing: that is an operator's decision (T15). */
export type OwnRequest = Omit<PairRequest & { readonly action: 'pair' }, Head> | Omit<PresignRequest, Head>;

/** A request of the coordinator, signed. */
export interface SignedByCoordinator {
  readonly signed: Uint8Array;
  /** `requestHash`, 32 bytes. */
  readonly hash: Uint8Array;
  readonly request: (PairRequest & { readonly action: 'pair' }) | PresignRequest;
}

/** What it works with. */
export interface OwnClientModules {
  readonly manifest: () => Manifest;
  readonly now: () => number;
  readonly random: (length: number) => Uint8Array;
}

/** Life of such a request in milliseconds: it is used at once. */
const lifeMs = 60_000;

/** The coordinator as a client. */
export class OwnClient {
  readonly #seed: Uint8Array;
  readonly #publicKey: Uint8Array;
  readonly #modules: OwnClientModules;

  /** @param seed - Ed25519, 32 bytes; copied, and wiped by {@link OwnClient.wipe}. */
  constructor(seed: Uint8Array, modules: OwnClientModules) {
    this.#seed = seed.slice();
    this.#publicKey = publicKeyOfSeed(seed);
    this.#modules = modules;
  }

  /** Its entry in the manifest; absent where the manifest does not name its key. */
  entry(): ManifestClient | undefined {
    return this.#modules.manifest().clients.find(({ publicKey }) => equalBytes(publicKey, this.#publicKey));
  }

  /** Whether the manifest lets it make absent pairings. */
  mayPair(): boolean {
    return this.entry()?.may.some(({ action }) => action === 'pair') === true;
  }

  /** Whether the manifest lets it make presignatures of a key. */
  mayPresign({ purpose, scheme }: { readonly purpose: string; readonly scheme: Scheme }): boolean {
    return (
      this.entry()?.may.some(
        ({ action, purposes, schemes }) =>
          action === 'presign' && purposes.includes(purpose) && schemes.includes(scheme),
      ) === true
    );
  }

  /** Signs a request. To be called only where the manifest names this client. */
  sign(body: OwnRequest): SignedByCoordinator {
    const { manifest, now, random } = this.#modules;
    const issuedAt = now();
    const request = {
      v: 1,
      cluster: manifest().cluster,
      id: random(16),
      client: this.entry()?.name ?? '',
      issuedAt,
      expiresAt: issuedAt + lifeMs,
      ...body,
    } as const;
    const signed = signRequest(request, this.#seed);
    return { signed, hash: requestHash(signedRequest.decode(signed).request), request };
  }

  /** Overwrites the seed: nothing can be signed any more. */
  wipe(): void {
    this.#seed.fill(0);
  }
}
