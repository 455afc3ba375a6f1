/** The session calls of a ready node: open, attest, round, finish, and the activation of a key that a session made. */
import type { Attester } from '../../enclave/attester/index.ts';
import { publicKeyOf, verifySignature, type Random } from '../../threshold/index.ts';
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import { maxOpenMs, maxSessionMs, maxSessions } from '../../wire/limits.ts';
import { signedMessage } from '../../wire/messages/request.ts';
import {
  challengeBytes,
  keyActivate,
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
import { keygenRounds } from './keygen.ts';
import { checkOpening, type Opening } from './open.ts';
import { peerOf, type SessionOptions } from './contract.ts';
import { Session } from './session.ts';
import { signRounds } from './sign.ts';
import { SessionTable } from './table.ts';

/** Ended sessions that are remembered by name, without their secrets. */
const maxEnded = 512;
/** Sessions whose new key waits to be activated, remembered to mark their request as done. */
const maxCreations = 256;

/** What the session calls work with. */
export interface SessionsModules {
  readonly node: string;
  readonly gate: Gate;
  readonly attester: Pick<Attester, 'makeEvidence'>;
  readonly keystore: Keystore;
  readonly guard: ReplayGuard;
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
  readonly #creations = new Map<string, Session>();

  constructor(modules: SessionsModules) {
    this.#modules = modules;
    this.table = new SessionTable({ maxLive: maxSessions, maxEnded }, { now: modules.now });
  }

  /** `POST /v1/sessions/open`: the challenge. @throws SymbolonError see {@link checkOpening}; `guard/*`, `session/too-many`. */
  open(relay: string, body: Uint8Array): Uint8Array {
    const { node, gate, keystore, guard, manifest, random, now } = this.#modules;
    this.table.requireRoom();
    const at = now();
    const opening = checkOpening(sessionOpen.decode(body), { node, manifest: manifest(), keystore, now: at });
    const { verified, participants } = opening;
    // T10: only an authenticated request is counted.
    guard.begin(useOf(opening));
    const challenge: Challenge = { node, boot: gate.boot, nonce: random(32), identity: gate.identityBytes };
    const session: Session = new Session(
      {
        relay,
        verified,
        manifest: opening.manifest,
        participants,
        challenge,
        attestBy: at + maxOpenMs,
        deadline: Math.min(at + maxSessionMs, verified.request.expiresAt),
        ...this.#protocol(opening, () => session),
      },
      {
        gate,
        attester: this.#modules.attester,
        now,
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
   * `POST /v1/sessions/finish`. A signature is verified here too before the request counts as done.
   * @throws SymbolonError `session/*`, `guard/*`.
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
    session.requireReleased();
    this.#checkSignature(session, outcome.signature);
    await this.#modules.guard.done(useOf(session));
    session.finish();
    return nothing;
  }

  /** `POST /v1/keys/activate`. @throws SymbolonError `store/*`, `guard/*`. */
  async activate(body: Uint8Array): Promise<Uint8Array> {
    const { key, confirmations } = keyActivate.decode(body);
    const info = await this.#modules.keystore.activate(key, confirmations);
    this.#modules.log('info', 'key-active', { key: info.id });
    const session = this.#creations.get(key);
    if (session !== undefined) {
      // After a restart nothing is known of the session: then the request stays bounded by its attempts and its end.
      await this.#modules.guard.done(useOf(session));
      this.#creations.delete(key);
      session.finish();
    }
    return nothing;
  }

  /** Ends every live session: the node stops or freezes. */
  close(error: SymbolonError): void {
    this.table.failAll(error);
    this.#creations.clear();
  }

  #protocol(opening: Opening, session: () => Session): Pick<SessionOptions, 'rounds' | 'key' | 'generation'> {
    const { random, keystore, node } = this.#modules;
    if (opening.kind === 'sign') {
      const { share, request, key } = opening;
      return {
        rounds: signRounds({ share, payload: request.payload }, { random }),
        key: key.info,
        // T20: shares of another generation are another session id, and are refused inside FROST as well.
        generation: key.info.generation,
      };
    }
    const indices = opening.participants.map((one) => one.index).sort((a, b) => a - b);
    const index = opening.participants.find((one) => one.name === node)?.index ?? 0;
    const rounds = keygenRounds(
      { request: opening.request, index, participants: indices },
      {
        random,
        keystore,
        stored: (key) => {
          this.#remember(key, session());
        },
      },
    );
    return { rounds, key: undefined, generation: 0 };
  }

  #remember(key: string, session: Session): void {
    this.#creations.set(key, session);
    const oldest = this.#creations.keys().next();
    if (this.#creations.size > maxCreations && oldest.done !== true) {
      this.#creations.delete(oldest.value);
    }
  }

  #checkSignature(session: Session, signature: Uint8Array): void {
    const { request } = session.verified;
    const key = request.action === 'sign' ? this.#modules.keystore.find(request.key) : undefined;
    if (request.action !== 'sign' || key?.kind !== 'active') {
      throw new SymbolonError('session/bad-outcome', { reason: 'not a session that signs' });
    }
    const { message, tweak } = signedMessage(request.payload);
    const publicKey = publicKeyOf(key.record.public, tweak);
    if (!verifySignature(key.info.scheme, publicKey, message, signature)) {
      throw new SymbolonError('session/bad-outcome', { reason: 'the signature does not verify' });
    }
  }

  #ended(session: Session, failure: SymbolonError | undefined, openedAt: number): void {
    this.table.end(session);
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
