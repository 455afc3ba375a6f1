/**
 * The coordinator's answers as this client uses them. The coordinator is trusted with nothing: a key must have the id
 * that follows from its public key, an address must follow from the key's public data, and a signature must verify under
 * that key, before any of them is shown.
 */
import { addressOf, chainsOf as chainNamesOf, type AddressQuestion } from '../coordinator/chains/address.ts';
import { pathText } from '../coordinator/chains/path.ts';
import {
  decodeKeyPublic,
  digestOf,
  publicKeyOf,
  recoveryOf,
  verifySignature,
  type KeyPublic,
} from '../threshold/index.ts';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import { equalBytes, fromHex, isEcdsa, keyIdOf, schemes, type Scheme } from '../wire/ids.ts';
import { signedMessage, type Payload } from '../wire/messages/request.ts';
import type { Cluster } from './cluster/cluster.ts';
import { usage } from './command.ts';
import { Answer, CoordinatorClient } from './coordinatorClient.ts';
import { makeRequest, type RequestBody } from './requests.ts';
import { pairingOf, type PairingView } from './statusView.ts';

/** A key of the cluster. */
export interface KeyView {
  readonly id: string;
  readonly scheme: Scheme;
  readonly purpose: string;
  readonly label: string;
  readonly threshold: number;
  readonly nodes: readonly string[];
  readonly state: string;
  readonly generation: number;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** Generation that is on its way to its holders. */
  readonly next: number | undefined;
  /** Nodes that have not activated the key, or its next generation, yet. */
  readonly waitingFor: readonly string[];
  /** 32 bytes (Ed25519) or 33 (compressed). */
  readonly publicKey: Uint8Array;
  /** Everything public of it; the group key in it is the one of the id. */
  readonly decoded: KeyPublic;
  /** The same as `encodeKeyPublic` bytes. */
  readonly public: Uint8Array;
  /** The answer as it came, for `--json`. */
  readonly raw: unknown;
}

/** A chain, and its network where it has several. */
export interface ChainName {
  readonly chain: string;
  readonly network?: string;
}

/** Chains and networks that a key of each scheme has an address on; the first is the default. */
export const chainsOf = (scheme: Scheme): readonly ChainName[] =>
  chainNamesOf[scheme].flatMap((chain): readonly ChainName[] =>
    chain === 'bitcoin'
      ? ['mainnet', 'testnet', 'regtest'].map((network) => ({ chain, network }))
      : [{ chain }],
  );

/** A step of a session and its time. */
export interface StepView {
  readonly step: string;
  readonly ms: number;
}

/** A key that was made, or given new shares. */
export interface MadeView {
  readonly key: KeyView;
  readonly steps: readonly StepView[];
  /** The answer as it came, for `--json`. */
  readonly raw: unknown;
}

/** A signature that verified here. */
export interface SignatureView {
  readonly signature: Uint8Array;
  /** The key that it verifies under. */
  readonly publicKey: Uint8Array;
  /** ECDSA: the recovery id, 0 to 3 (SEC 1 section 4.1.6), which was found to lead back to that key. */
  readonly recovery: number | undefined;
  /** Whether a presignature was used. */
  readonly presigned: boolean;
  readonly participants: readonly string[];
  readonly ms: number;
  readonly steps: readonly StepView[];
  /** Sets of nodes that failed before this one, in words. */
  readonly failed: readonly string[];
  readonly raw: unknown;
}

/** Keys that are asked for in one call. */
const keysAtOnce = 256;

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

  /** All keys, the oldest first. */
  async keys(): Promise<KeyView[]> {
    const all: KeyView[] = [];
    for (let after = ''; ;) {
      const query = after === '' ? '' : `&after=${after}`;
      const path = `/v1/keys?limit=${keysAtOnce}${query}`;
      const answer = new Answer(await this.client.call({ method: 'GET', path }));
      all.push(...answer.list('keys').map((one) => this.#key(one)));
      const next = answer.optionalText('next');
      if (next === undefined) {
        return all.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
      }
      // Rising ids: an answer can't make this loop run in a circle.
      if (next <= after || !/^[0-9a-f]{32}$/.test(next)) {
        throw wrong('pages of keys that do not follow on each other');
      }
      after = next;
    }
  }

  /** One key by its id. Throws `cli/usage` for what is no id. */
  async key(id: string): Promise<KeyView> {
    if (!/^[0-9a-f]{32}$/.test(id)) {
      throw usage('KEY is an id of 32 hexadecimal digits in lower case; symbolon key list shows them');
    }
    return this.#key(new Answer(await this.client.call({ method: 'GET', path: `/v1/keys/${id}` })));
  }

  /** Makes a key on all nodes of the cluster. */
  async createKey(wanted: {
    readonly scheme: Scheme;
    readonly threshold: number;
    readonly nodes: readonly string[];
    readonly purpose: string;
    readonly label: string;
  }): Promise<MadeView> {
    const body = { action: 'key.create', ...wanted, nodes: [...wanted.nodes].sort() } as const;
    return this.#made(await this.#ask('/v1/keys', body), 'key list');
  }

  /** Gives the holders of a key new shares. */
  async refreshKey({ id, purpose, generation }: KeyView): Promise<MadeView> {
    const body = { action: 'key.refresh', key: id, purpose, generation } as const;
    return this.#made(await this.#ask(`/v1/keys/${id}/refresh`, body), `key show ${id}`);
  }

  /** Gives a key to other holders, or another threshold. `dealers` are as many present holders as the present threshold. */
  async reshareKey(
    { id, purpose, label, generation, public: raw }: KeyView,
    next: {
      readonly nodes: readonly string[];
      readonly threshold: number;
      readonly dealers: readonly string[];
    },
  ): Promise<MadeView> {
    const body = {
      action: 'key.reshare',
      key: id,
      purpose,
      label,
      generation,
      public: raw,
      dealers: [...next.dealers].sort(),
      nodes: [...next.nodes].sort(),
      threshold: next.threshold,
    } as const;
    return this.#made(await this.#ask(`/v1/keys/${id}/reshare`, body), `key show ${id}`);
  }

  /** How every two nodes are paired. */
  async pairings(): Promise<PairingView[]> {
    const answer = new Answer(await this.client.call({ method: 'GET', path: '/v1/pairings' }));
    return answer.list('pairings').map(pairingOf);
  }

  /** Makes pairings between every two of these nodes: what is absent, or all anew. */
  async pair(nodes: readonly string[], renew: boolean): Promise<PairingView[]> {
    const body = { action: renew ? 'pair.renew' : 'pair', nodes: [...nodes].sort() } as const;
    const answer = await this.#ask('/v1/pairings', body);
    if (answer.optionalText('status') !== 'done') {
      throw stillRuns('The ceremony', answer, 'status');
    }
    return answer.list('pairings').map(pairingOf);
  }

  /** Has a payload signed with a key, or the key at a path under it, and verifies the signature. */
  async sign(key: KeyView, payload: Payload, path: readonly number[] = []): Promise<SignatureView> {
    const body = {
      action: 'sign',
      key: key.id,
      purpose: key.purpose,
      payload,
      ...(path.length === 0 ? {} : { path: [...path] }),
    } as const;
    const answer = await this.#ask('/v1/signatures', body);
    if (answer.optionalText('status') === 'running') {
      throw stillRuns('The signing', answer, 'status');
    }
    const signature = fromHex(answer.text('signature')) ?? new Uint8Array();
    return {
      signature,
      ...verified(key, payload, path, { signature, recovery: answer.optionalInteger('recovery') }),
      presigned: answer.bool('presigned'),
      participants: answer.texts('participants'),
      ms: answer.number('ms'),
      steps: stepsOf(answer),
      failed: answer.list('failed').map(failureWords),
      raw: answer.raw,
    };
  }

  /** Address of a key on a chain: what the coordinator says, and what follows from the key here, must be one. */
  async address(key: KeyView, asked: AddressQuestion): Promise<string> {
    const { chain, network, hrp, path = [] } = asked;
    const query = new URLSearchParams({
      ...(chain === undefined ? {} : { chain }),
      ...(network === undefined ? {} : { network }),
      ...(hrp === undefined ? {} : { hrp }),
      ...(path.length === 0 ? {} : { path: pathText(path) }),
    }).toString();
    const call = `/v1/keys/${encodeURIComponent(key.id)}/address?${query}`;
    const said = new Answer(await this.client.call({ method: 'GET', path: call })).text('address');
    if (addressOf(key.decoded, asked).address !== said) {
      throw wrong(`address of ${key.id}`);
    }
    return said;
  }

  async #ask(path: string, body: RequestBody): Promise<Answer> {
    const { signed, idempotencyKey } = makeRequest(this.#cluster, body, this.#now());
    return new Answer(
      await this.client.call({
        method: 'POST',
        path,
        body: { request: Buffer.from(signed).toString('base64') },
        idempotencyKey,
      }),
    );
  }

  #made(answer: Answer, see: string): MadeView {
    const key = answer.optionalObject('key');
    if (key === undefined) {
      throw stillRuns('The ceremony', answer, see);
    }
    return { key: this.#key(key), steps: stepsOf(answer), raw: answer.raw };
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
    const raw = new Uint8Array(Buffer.from(answer.text('public'), 'base64'));
    const decoded = publicOf(raw);
    if (decoded.scheme !== scheme || !equalBytes(decoded.groupPublicKey, publicKey)) {
      throw wrong('public data of another key');
    }
    const next = answer.optionalObject('next');
    return {
      id,
      scheme,
      purpose,
      label: answer.text('label'),
      threshold: answer.integer('threshold'),
      nodes: answer.texts('nodes'),
      state: answer.text('state'),
      generation: answer.integer('generation'),
      createdAt: answer.integer('createdAt'),
      next: next?.integer('generation'),
      waitingFor: answer.texts('waitingFor'),
      publicKey,
      decoded,
      public: raw,
      raw: answer.raw,
    };
  }
}

/** Public data of a key as they came. */
function publicOf(raw: Uint8Array): KeyPublic {
  try {
    return decodeKeyPublic(raw);
  } catch (error) {
    throw isSymbolonError(error) ? wrong(error.message) : error;
  }
}

/**
 * The public key that a signature verifies under, which is made here and not taken from the answer, and for ECDSA the
 * recovery id that leads from the signature back to it.
 * @throws SymbolonError `cli/wrong-answer` where the signature does not verify, or the recovery id is another one.
 */
export function verified(
  { scheme, decoded }: Pick<KeyView, 'scheme' | 'decoded'>,
  payload: Payload,
  path: readonly number[],
  answer: { readonly signature: Uint8Array; readonly recovery: number | undefined },
): Pick<SignatureView, 'publicKey' | 'recovery'> {
  const { signature } = answer;
  const signable = signedMessage(payload);
  const publicKey = publicKeyOf(decoded, signable.kind === 'frost' ? signable.tweak : 'none', path);
  if (signature.length !== 64) {
    throw wrong('the signature does not have 64 bytes');
  }
  if (signable.kind === 'frost') {
    if (!verifySignature(scheme, publicKey, signable.message, signature)) {
      throw wrong('the signature does not verify under the key');
    }
    return { publicKey, recovery: undefined };
  }
  const recovery = isEcdsa(scheme)
    ? recoveryOf(scheme, publicKey, digestOf(signable.hash, signable.message), signature)
    : undefined;
  if (recovery === undefined) {
    throw wrong('the signature does not verify under the key');
  }
  if (recovery !== answer.recovery) {
    throw wrong('the recovery id does not lead to the key');
  }
  return { publicKey, recovery };
}

const stillRuns = (what: string, answer: Answer, see: string): SymbolonError =>
  new SymbolonError('cli/coordinator-refused', {
    code: 'coordinator/deadline',
    detail: `${what} still runs (request ${answer.text('id')}).`,
    todo: `See \`symbolon ${see}\` for how it ends.`,
  });

/** Where nobody is named, one of the set lied and which can't be told. */
const failureWords = (one: Answer): string => {
  const node = one.optionalText('node') ?? '';
  const who = node === '' ? `${one.texts('participants').join(' and ')}, one of them,` : node;
  return `${who} in ${one.text('step')}: ${one.text('detail')}`;
};

const stepsOf = (answer: Answer): StepView[] =>
  answer.list('rounds').map((one) => ({ step: one.text('step'), ms: one.number('ms') }));
