/** The protocol of an opening: its rounds, and what the session and the gate know of its key. */
import { isEcdsa } from '../../../wire/ids.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import type { Pairings } from '../../pairings/contract.ts';
import type { PresignaturePool } from '../../presignatures/pool.ts';
import { SymbolonError } from '../../../wire/errors/index.ts';
import type { Runner } from '../../work/runner.ts';
import type { SessionOptions } from '../contract.ts';
import type { Opening } from '../open.ts';
import { PairingUse } from '../pairingUse.ts';
import { indicesOf } from '../participants.ts';
import type { Rounds } from '../rounds.ts';
import { pairRounds, type PairModules } from './pair.ts';
import { presignRounds } from './presign.ts';
import { lentShare, sharesOf, type ActiveKey } from './share.ts';
import { ecdsaRounds, frostRounds, onlineRounds, type SignOptions } from './sign.ts';
import { storeRounds, type StoreModules, type StoreOptions } from './store.ts';

/** What protocols work with. */
export interface ProtocolModules {
  /** This node's name. */
  readonly node: string;
  readonly runner: Runner;
  readonly keystore: Keystore;
  readonly pairings: Pairings;
  readonly pool: PresignaturePool;
  /** Poisons a pairing and ends what else uses it. */
  readonly poison: (peer: string, id: Uint8Array) => Promise<void>;
  /** Stores a pairing and ends what uses an older one. */
  readonly storePairing: PairModules['store'];
  /** Told a key whose new shares are stored here. */
  readonly stored: StoreModules['stored'];
}

/** What a protocol adds to the options of its session. */
export interface Protocol extends Pick<
  SessionOptions,
  'rounds' | 'key' | 'public' | 'generation' | 'shares' | 'presignature' | 'pairings'
> {
  /** Gives back what was set aside, where no session comes of it. */
  readonly cancel: () => void;
}

/** A protocol that has no key yet, and sets nothing aside. */
const plain = { key: undefined, generation: 0, pairings: new Map(), cancel: () => undefined } as const;

/**
 * Prepares the protocol. From here on a presignature, or room for one, is set aside: it is the session's, or given back.
 * @throws SymbolonError `pairing/*`, `presignature/*`.
 */
export function protocolOf(opening: Opening, modules: ProtocolModules): Protocol {
  switch (opening.kind) {
    case 'create':
      return { ...plain, rounds: createRounds(opening, modules) };
    case 'pair':
      return { ...plain, rounds: pairing(opening, modules) };
    case 'refresh':
      return { ...plain, rounds: refreshRounds(opening, modules), ...keyOf(opening.key) };
    case 'reshare':
      return reshare(opening, modules);
    case 'presign':
      return presign(opening, modules);
    case 'sign':
      return sign(opening, modules);
  }
}

type Of<K extends Opening['kind']> = Extract<Opening, { kind: K }>;

const keyOf = (key: ActiveKey) => {
  const { id, scheme, purpose, generation } = key.info;
  // T20: shares of another generation are another session id, and are refused inside the protocols as well.
  return { key: { id, scheme, purpose }, generation, shares: sharesOf(key) };
};

const ownIndex = ({ participants }: Opening, { node }: ProtocolModules): number =>
  participants.find(({ name }) => name === node)?.index ?? 0;

const stored = (opts: StoreOptions, { runner, keystore, stored: told }: ProtocolModules): Rounds =>
  storeRounds(opts, { runner, keystore, stored: told });

function createRounds(opening: Of<'create'>, modules: ProtocolModules): Rounds {
  const { scheme, threshold, purpose, label, issuedAt } = opening.request;
  const index = ownIndex(opening, modules);
  const participants = indicesOf(opening.participants);
  return stored(
    {
      purpose,
      label,
      requestedAt: issuedAt,
      plan: (session) => ({ kind: 'dkg', scheme, session, index, participants, threshold }),
    },
    modules,
  );
}

function refreshRounds({ key, request }: Of<'refresh'>, modules: ProtocolModules): Rounds {
  const { purpose, label } = key.info;
  return stored(
    {
      purpose,
      label,
      requestedAt: request.issuedAt,
      before: key.record.public,
      plan: async (session) => ({
        kind: 'refresh',
        session,
        share: await lentShare(modules.keystore, key),
      }),
    },
    modules,
  );
}

function reshare(opening: Of<'reshare'>, modules: ProtocolModules): Protocol {
  const { request, own, public: before, dealers, next } = opening;
  const { key: id, purpose, label, threshold, generation } = request;
  const index = ownIndex(opening, modules);
  const dealt = dealers.includes(index) ? own : undefined;
  const rounds = stored(
    {
      purpose,
      label,
      requestedAt: request.issuedAt,
      before,
      plan: async (session) => ({
        kind: 'reshare',
        public: before,
        index,
        dealers,
        participants: next,
        threshold,
        session,
        share: dealt === undefined ? undefined : await lentShare(modules.keystore, dealt),
      }),
    },
    modules,
  );
  return {
    ...plain,
    rounds,
    key: { id, scheme: before.scheme, purpose },
    generation,
    shares: own === undefined ? undefined : sharesOf(own),
  };
}

function pairing(opening: Of<'pair'>, modules: ProtocolModules): Rounds {
  return pairRounds(
    { index: ownIndex(opening, modules), participants: indicesOf(opening.participants) },
    { runner: modules.runner, store: modules.storePairing },
  );
}

/** The pairings with all other participants. */
const pairingsOf = ({ participants }: Opening, { node, pairings, poison }: ProtocolModules): PairingUse =>
  new PairingUse(
    participants.filter(({ name }) => name !== node),
    { pairings, poison },
  );

function presign(opening: Of<'presign'>, modules: ProtocolModules): Protocol {
  const { runner, keystore, pool } = modules;
  const { key } = opening;
  const pairings = pairingsOf(opening, modules);
  const nodes = opening.participants.map(({ name }) => name);
  const place = pool.place({ key: key.info.id, shares: sharesOf(key), nodes });
  const rounds = presignRounds(
    { key, signers: indicesOf(opening.participants) },
    { runner, keystore, pairings, place },
  );
  return { rounds, pairings: pairings.ids, ...keyOf(opening.key), cancel: place.release };
}

function sign(opening: Of<'sign'>, modules: ProtocolModules): Protocol {
  const { request, key, participants, presignature } = opening;
  const { scheme } = key.info;
  const { runner, keystore, pool } = modules;
  const opts: SignOptions = { request, key, signers: indicesOf(participants) };
  const known = { ...plain, ...keyOf(key), public: key.record.public, presignature };
  if (!isEcdsa(scheme)) {
    if (presignature !== undefined) {
      throw new SymbolonError('presignature/absent', { key: request.key });
    }
    return { ...known, rounds: frostRounds(opts, { runner, keystore }) };
  }
  if (presignature !== undefined) {
    const nodes = participants.map(({ name }) => name);
    const reserved = pool.reserve(presignature, { key: request.key, shares: sharesOf(key), nodes });
    return { ...known, rounds: onlineRounds(opts, { runner, keystore, reserved }), cancel: reserved.restore };
  }
  const pairings = pairingsOf(opening, modules);
  return { ...known, rounds: ecdsaRounds(opts, { runner, keystore, pairings }), pairings: pairings.ids };
}
