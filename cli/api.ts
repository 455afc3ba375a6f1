/**
 * The coordinator's answers as this client uses them. The coordinator is trusted with nothing: a key must have the id
 * that follows from its public key, and a signature must verify under that key, before either is shown.
 */
import { publicKeyOf, verifySignature, type KeyPublic } from '../threshold/index.ts';
import { SymbolonError } from '../wire/errors/index.ts';
import { fromHex, keyIdOf, schemes, type Scheme } from '../wire/ids.ts';
import type { Payload } from '../wire/messages/request.ts';
import type { Cluster } from './cluster/cluster.ts';
import { Answer, CoordinatorClient } from './coordinatorClient.ts';
import { makeRequest } from './requests.ts';

/** A key of the cluster. */
export interface KeyView {
  readonly id: string;
  readonly scheme: Scheme;
  readonly purpose: string;
  readonly label: string;
  readonly threshold: number;
  readonly nodes: readonly string[];
  readonly state: string;
  /** 32 bytes (Ed25519) or 33 (compressed secp256k1). */
  readonly publicKey: Uint8Array;
  /** The answer as it came, for `--json`. */
  readonly raw: unknown;
}

/** A chain, and its network where it has several. */
export interface ChainName {
  readonly chain: string;
  readonly network?: string;
}

/** Chains and networks that a key of each scheme has an address on; the first is the default. */
export const chainsOf: Readonly<Record<Scheme, readonly ChainName[]>> = {
  'frost-ed25519': [{ chain: 'solana' }],
  'frost-secp256k1-tr': ['mainnet', 'testnet', 'regtest'].map((network) => ({ chain: 'bitcoin', network })),
};

/** A step of a session and its time. */
export interface StepView {
  readonly step: string;
  readonly ms: number;
}

/** A signature that verified here. */
export interface SignatureView {
  readonly signature: Uint8Array;
  readonly participants: readonly string[];
  readonly ms: number;
  readonly steps: readonly StepView[];
  /** Sets of nodes that failed before this one, in words. */
  readonly failed: readonly string[];
  readonly raw: unknown;
}

const wrong = (reason: string): SymbolonError<'cli/wrong-answer'> =>
  new SymbolonError('cli/wrong-answer', { reason });

/** The coordinator of a cluster, with answers that were checked. */
export class Api {
  readonly client: CoordinatorClient;
  readonly #cluster: Cluster;
  readonly #now: () => number;

  constructor(cluster: Cluster, now: () => number) {
    this.client = new CoordinatorClient(cluster);
    this.#cluster = cluster;
    this.#now = now;
  }

  /** All keys. */
  async keys(): Promise<KeyView[]> {
    const answer = new Answer(await this.client.call({ method: 'GET', path: '/v1/keys' }));
    return answer.list('keys').map((one) => this.#key(one));
  }

  /** One key by its id. */
  async key(id: string): Promise<KeyView> {
    return this.#key(
      new Answer(await this.client.call({ method: 'GET', path: `/v1/keys/${encodeURIComponent(id)}` })),
    );
  }

  /** Makes a key on all nodes of the cluster. */
  async createKey(wanted: {
    readonly scheme: Scheme;
    readonly threshold: number;
    readonly nodes: readonly string[];
    readonly purpose: string;
    readonly label: string;
  }): Promise<{ readonly key: KeyView; readonly steps: readonly StepView[] }> {
    const body = { action: 'key.create', ...wanted, nodes: [...wanted.nodes].sort() } as const;
    const answer = await this.#send('/v1/keys', makeRequest(this.#cluster, body, this.#now()));
    const key = answer.optionalObject('key');
    if (key === undefined) {
      throw new SymbolonError('cli/coordinator-refused', {
        code: 'coordinator/deadline',
        detail: `The ceremony still runs (request ${answer.text('id')}).`,
        todo: 'See `symbolon key list` for how it ends.',
      });
    }
    return { key: this.#key(key), steps: stepsOf(answer) };
  }

  /** Has a payload signed with a key, and verifies the signature. */
  async sign(key: KeyView, payload: Payload): Promise<SignatureView> {
    const body = { action: 'sign', key: key.id, purpose: key.purpose, payload } as const;
    const answer = await this.#send('/v1/signatures', makeRequest(this.#cluster, body, this.#now()));
    const signature = fromHex(answer.text('signature'));
    const message = payload.kind === 'message' ? payload.message : payload.digest;
    const tweak = payload.kind === 'bip341-key-spend' ? 'bip341' : 'none';
    const signer = publicKeyOf(publicPartOf(key), tweak);
    if (signature?.length !== 64 || !verifySignature(key.scheme, signer, message, signature)) {
      throw wrong('the signature does not verify under the key');
    }
    return {
      signature,
      participants: answer.texts('participants'),
      ms: answer.number('ms'),
      steps: stepsOf(answer),
      failed: answer
        .list('failed')
        .map((one) => `${one.text('node')} in ${one.text('step')}: ${one.text('detail')}`),
      raw: answer.raw,
    };
  }

  /** Address of a key on a chain. */
  async address(id: string, { chain, network }: ChainName): Promise<string> {
    const query = new URLSearchParams({ chain, ...(network === undefined ? {} : { network }) });
    const path = `/v1/keys/${encodeURIComponent(id)}/address?${query.toString()}`;
    return new Answer(await this.client.call({ method: 'GET', path })).text('address');
  }

  async #send(
    path: string,
    request: { readonly signed: Uint8Array; readonly idempotencyKey: string },
  ): Promise<Answer> {
    return new Answer(
      await this.client.call({
        method: 'POST',
        path,
        body: { request: Buffer.from(request.signed).toString('base64') },
        idempotencyKey: request.idempotencyKey,
      }),
    );
  }

  #key(answer: Answer): KeyView {
    const scheme = schemes.find((one) => one === answer.text('scheme'));
    const publicKey = fromHex(answer.text('publicKey'));
    const id = answer.text('id');
    if (scheme === undefined || publicKey === undefined) {
      throw wrong('a key of an unknown scheme');
    }
    const purpose = answer.text('purpose');
    const cluster = fromHex(this.#cluster.facts.cluster) ?? new Uint8Array();
    if (keyIdOf(cluster, scheme, purpose, publicKey) !== id) {
      throw wrong('a key whose id does not follow from its public key');
    }
    return {
      id,
      scheme,
      purpose,
      label: answer.text('label'),
      threshold: answer.integer('threshold'),
      nodes: answer.texts('nodes'),
      state: answer.text('state'),
      publicKey,
      raw: answer.raw,
    };
  }
}

/** Scheme and group key are all that the signing key follows from. */
const publicPartOf = ({ scheme, threshold, publicKey }: KeyView): KeyPublic => ({
  scheme,
  threshold,
  participants: [],
  generation: 0,
  groupPublicKey: publicKey,
  verifyingShares: new Map(),
  chainCode: new Uint8Array(32),
});

const stepsOf = (answer: Answer): StepView[] =>
  answer.list('rounds').map((one) => ({ step: one.text('step'), ms: one.number('ms') }));
