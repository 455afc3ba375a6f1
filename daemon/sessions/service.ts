/** The session calls of a ready node: open, attest, round, finish; and the activation of what a session stored. */
import type { Attester } from '../../enclave/attester/index.ts';
import { verifySignable, type Random } from '../../threshold/index.ts';
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import { maxOpenMs, maxSessionMs, maxSessions } from '../../wire/limits.ts';
import { signedMessage } from '../../wire/messages/request.ts';
import { presignatureAsk, presignatureList } from '../../wire/messages/node.ts';
import {
  challengeBytes,
  keyActivate,
  keyAsk,
  keyConfirmations,
  sessionAttest,
  sessionFinish,
  sessionOpen,
  sessionRound,
  type Challenge,
} from '../../wire/messages/session.ts';
import type { Gate } from '../gate.ts';
import type { VerifiedManifest } from '../../manifest/index.ts';
import type { ReplayGuard, RequestUse } from '../guard/replayGuard.ts';
import type { Keystore } from '../keystore/keystore.ts';
import type { Log } from '../log.ts';
import type { Pairings } from '../pairings/contract.ts';
import type { PeerMemory } from '../peers/memory.ts';
import { Standing } from '../peers/standing.ts';
import type { PresignaturePool } from '../presignatures/pool.ts';
import type { Runner } from '../work/runner.ts';
import { peerOf } from './contract.ts';
import { Endings } from './endings.ts';
import { checkOpening, type Opening } from './open.ts';
import { protocolOf, type Protocol } from './protocols/protocolOf.ts';
import { Session } from './session.ts';
import { SessionTable } from './table.ts';

/** Ended sessions that are remembered by name, without their secrets. */
const maxEnded = 512;
/** Sessions whose new shares wait to be activated, remembered to mark their request as done. */
const maxStored = 256;
/** Ids in one answer about presignatures. */
const maxListed = 64;

/** What the session calls work with. */
export interface SessionsModules {
  readonly node: string;
  readonly gate: Gate;
  readonly attester: Pick<Attester, 'makeEvidence'>;
  readonly runner: Runner;
  readonly keystore: Keystore;
  readonly pairings: Pairings;
  readonly pool: PresignaturePool;
  readonly guard: ReplayGuard;
  readonly peers: PeerMemory;
  readonly manifest: () => VerifiedManifest;
  readonly random: Random;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly log: Log;
  /** Told of each participant whose evidence was refused. */
  readonly refused: (peer: string, error: SymbolonError) => void;
  /** Told of an error after which the node must not go on. */
  readonly fatal: (error: SymbolonError) => void;
}

const useOf = ({ verified: { request, hash } }: Pick<Session, 'verified'>): RequestUse => ({
  id: request.id,
  hash,
  expiresAt: request.expiresAt,
});
const nothing = new Uint8Array(0);

/** The session calls. Every body is bytes as they came; every answer is bytes as they go. */
export class Sessions {
  readonly table: SessionTable;
  readonly #modules: SessionsModules;
  readonly #endings: Endings;
  /** Sessions that stored new shares, by session id. */
  readonly #stored = new Map<string, Session>();
  /** Why no session is taken any more. */
  #closed: SymbolonError | undefined;

  constructor(modules: SessionsModules) {
    this.#modules = modules;
    this.table = new SessionTable({ maxLive: maxSessions, maxEnded });
    this.#endings = new Endings(this.table, modules);
  }

  /** `POST /v1/sessions/open`: the challenge. @throws SymbolonError see {@link checkOpening}; `guard/*`, `session/too-many`. */
  async open(relay: string, body: Uint8Array): Promise<Uint8Array> {
    const { node, gate, keystore, pairings, guard, manifest, random, now } = this.#modules;
    this.table.requireRoom();
    const opening = await checkOpening(sessionOpen.decode(body), {
      node,
      manifest: manifest(),
      keystore,
      pairings,
      now: now(),
    });
    if (this.#closed !== undefined) {
      throw this.#closed;
    }
    this.table.requireRoom();
    const protocol = this.#protocolOf(opening, () => session);
    try {
      // T10: only an authenticated request is counted.
      guard.begin(useOf(opening));
    } catch (error) {
      protocol.cancel();
      throw error;
    }
    const opened = this.#modules.peers.moment();
    const { at } = opened;
    const standing = new Standing(this.#modules.peers, {
      manifest: opening.manifest,
      others: opening.participants.map(({ name }) => name).filter((name) => name !== node),
    });
    const { known } = standing;
    const challenge: Challenge = {
      node,
      boot: gate.boot,
      nonce: random(32),
      identity: gate.identityBytes,
      ...(known.length === 0 ? {} : { known: [...known] }),
    };
    const session: Session = new Session(
      {
        relay,
        verified: opening.verified,
        manifest: opening.manifest,
        participants: opening.participants,
        challenge,
        opened,
        attestBy: at + maxOpenMs,
        deadline: Math.min(at + maxSessionMs, opening.verified.request.expiresAt),
        ...protocol,
      },
      {
        gate,
        attester: this.#modules.attester,
        standing,
        judge: this.#modules.runner.judge,
        now,
        ticks: this.#modules.peers.modules.ticks,
        refused: this.#modules.refused,
        ended: (ended, failure) => {
          this.#ended(ended, failure, at);
        },
      },
    );
    this.table.add(session);
    return challengeBytes.encode(challenge);
  }

  /** `POST /v1/sessions/attest`: this node's evidence. */
  async attest(relay: string, body: Uint8Array): Promise<Uint8Array> {
    const { nonce, challenges } = sessionAttest.decode(body);
    const session = this.table.ofNonce(nonce, relay);
    return session.attest(challenges, body, (id) => {
      this.table.name(session, id);
    });
  }

  /** `POST /v1/sessions/round`: this node's envelopes of the round. */
  async round(relay: string, body: Uint8Array): Promise<Uint8Array> {
    const delivery = sessionRound.decode(body);
    return this.table.ofId(delivery.session, relay).deliver(delivery, body);
  }

  /**
   * `POST /v1/sessions/finish`. A signature is verified, and what others confirm is compared, before the request counts as
   * done.
   * @throws SymbolonError `session/*`, `round/*`, `channel/envelope-*`, `guard/*`.
   */
  async finish(relay: string, body: Uint8Array): Promise<Uint8Array> {
    const outcome = sessionFinish.decode(body);
    const session = this.table.ofId(outcome.session, relay);
    if (outcome.outcome === 'aborted') {
      // The code is the relay's text: only what looks like a code of the catalogue is kept.
      const reason = /^[a-z]+\/[a-z0-9-]+$/.test(outcome.code) ? outcome.code : 'not given';
      session.abort(reason);
      return nothing;
    }
    if (session.state === 'finished') {
      return nothing;
    }
    if (outcome.outcome === 'done') {
      session.confirm(outcome.envelopes);
    } else {
      session.requireReleased();
      checkSignature(session, outcome.signature);
    }
    await this.#modules.guard.done(useOf(session));
    session.finish();
    return nothing;
  }

  /**
   * `POST /v1/keys/activate`: a new key, or new shares of one, that all holders stored. Whatever lives of the shares
   * before ends (T12, T20).
   * @throws SymbolonError `store/*`, `guard/*`, `hsm/*`.
   */
  async activate(body: Uint8Array): Promise<Uint8Array> {
    const { key, confirmations } = keyActivate.decode(body);
    const { keystore, guard, log } = this.#modules;
    const { state, generation } = await keystore.activate(key, confirmations);
    log('info', state === 'active' ? 'key-active' : 'key-departed', { key, generation });
    const name = toHex(confirmations[0]?.session ?? nothing);
    const session = this.#stored.get(name);
    if (session !== undefined) {
      // After a restart nothing is known of the session: then the request stays bounded by its attempts and its end.
      await guard.done(useOf(session));
      this.#stored.delete(name);
      session.finish();
    }
    await this.#endings.sharesChanged(key);
    return nothing;
  }

  /** `POST /v1/keys/confirmations`: what activated a generation here. @throws SymbolonError `store/*`, `hsm/*`. */
  async confirmations(body: Uint8Array): Promise<Uint8Array> {
    const { key, generation } = keyAsk.decode(body);
    const confirmations = await this.#modules.keystore.confirmations(key, generation);
    if (confirmations === undefined) {
      throw new SymbolonError('store/unknown-key', { key });
    }
    return keyConfirmations.encode({ key, generation, confirmations });
  }

  /** `POST /v1/presignatures`: ids of those that can be used for a key and a set of signers. */
  presignatures(body: Uint8Array): Uint8Array {
    const { key, nodes } = presignatureAsk.decode(body);
    return presignatureList.encode({ ids: this.#modules.pool.list(key, nodes, maxListed) });
  }

  /** Another manifest is in force. */
  manifestChanged(current: VerifiedManifest, before: VerifiedManifest): void {
    this.#modules.peers.manifestChanged();
    this.#endings.manifestChanged(current, before);
  }

  /** What has to be done every second: sessions and presignatures over their time end. */
  sweep(): void {
    this.table.sweep();
    this.#modules.pool.sweep();
  }

  /** Ends every live session and every presignature: the node stops or freezes. */
  close(error: SymbolonError): void {
    this.#closed = error;
    this.table.failAll(error);
    this.#stored.clear();
    this.#modules.pool.wipe();
  }

  #protocolOf(opening: Opening, session: () => Session): Protocol {
    const { node, runner, keystore, pairings, pool } = this.#modules;
    return protocolOf(opening, {
      node,
      runner,
      keystore,
      pairings,
      pool,
      poison: (peer, id) => this.#endings.poison(peer, id, session()),
      storePairing: async (peer, index, id, secret) => {
        await pairings.put(peer, index, id, secret);
        this.#endings.pairingMade(peer);
      },
      stored: (key, id) => {
        this.#modules.log('info', 'key-stored', { key, session: toHex(id).slice(0, 16) });
        this.#remember(toHex(id), session());
      },
    });
  }

  #remember(name: string, session: Session): void {
    this.#stored.set(name, session);
    const oldest = this.#stored.keys().next();
    if (this.#stored.size > maxStored && oldest.done !== true) {
      this.#stored.delete(oldest.value);
    }
  }

  #ended(session: Session, failure: SymbolonError | undefined, openedAt: number): void {
    this.table.end(session);
    if (failure !== undefined) {
      this.#modules.peers.failed(session.others);
    }
    const peer = failure === undefined ? undefined : peerOf(failure);
    this.#modules.log(
      failure === undefined ? 'info' : 'warn',
      failure === undefined ? 'session-finished' : 'session-failed',
      {
        session: toHex(session.id).slice(0, 16),
        action: session.verified.request.action,
        round: session.round,
        ms: this.#modules.now() - openedAt,
        ...(failure === undefined ? {} : { code: failure.code, detail: failure.message.slice(0, 1_024) }),
        ...(peer === undefined ? {} : { peer }),
      },
    );
    if (isSymbolonError(failure, 'guard/write-failed')) {
      this.#modules.fatal(failure);
    }
  }
}

/** @throws SymbolonError `session/bad-outcome`. */
function checkSignature({ verified: { request }, public: key }: Session, signature: Uint8Array): void {
  if (request.action !== 'sign' || key === undefined) {
    throw new SymbolonError('session/bad-outcome', { reason: 'not a session that signs' });
  }
  const payload = signedMessage(request.payload);
  if (!verifySignable({ public: key, path: request.path ?? [], payload }, signature)) {
    throw new SymbolonError('session/bad-outcome', { reason: 'the signature does not verify' });
  }
}
