/**
 * The gate: the one way a round message leaves this node. It alone holds the private keys of the node's identity, so
 * nothing else can seal an envelope. Before it seals, it looks again at everything that allows the message, at this
 * instant, whatever was checked when the session began.
 */
import {
  openEnvelope,
  sealEnvelope,
  signPresence,
  type ExpectedEnvelope,
  type NodeIdentity,
  type TlsKey,
} from '../enclave/channel/index.ts';
import type { Appraisal } from '../enclave/evidence/index.ts';
import { isSymbolonError, SymbolonError } from '../wire/errors/index.ts';
import { equalBytes, toHex, type Scheme } from '../wire/ids.ts';
import type { Envelope, Identity } from '../wire/messages/session.ts';
import { type VerifiedManifest, type VerifiedRequest, checkGranted, checkKeyUse } from '../manifest/index.ts';
import type { ReplayGuard } from './guard/replayGuard.ts';
import type { FoundPairing } from './pairings/contract.ts';
import type { PhaseView } from './phase.ts';
import { readyPairing } from './sessions/readyPairing.ts';
import type { Outgoing } from './sessions/rounds.ts';

/** What the gate reads of a session. */
export interface GateSession {
  /** Session id, 32 bytes. */
  readonly id: Uint8Array;
  /** The round whose messages want to leave. */
  readonly round: number;
  /** The protocol's last round. */
  readonly lastRound: number;
  /** Transcript before this round, 32 bytes. */
  readonly transcript: Uint8Array;
  /** Unix milliseconds. */
  readonly deadline: number;
  /** The same moment by the monotonic clock, in milliseconds: the parent of a node can hold the other one back (T37). */
  readonly endTick: number;
  /** Whether the session ended, well or badly. */
  readonly ended: boolean;
  /** Hash of the manifest that the session was opened under. */
  readonly manifest: Uint8Array;
  readonly verified: VerifiedRequest;
  /** The key of a request that is about one. */
  readonly key: { readonly id: string; readonly scheme: Scheme; readonly purpose: string } | undefined;
  /** Ids of the pairings that the session uses, by peer. */
  readonly pairings: ReadonlyMap<string, Uint8Array>;
  /** Names of the other participants. */
  readonly others: readonly string[];
  /** What this session's evidence showed of each of them. */
  readonly appraisals: ReadonlyMap<string, Appraisal>;
}

/** What the gate asks at the moment of release. */
export interface GateModules {
  readonly phase: PhaseView;
  readonly manifest: () => VerifiedManifest;
  readonly guard: Pick<ReplayGuard, 'burn'>;
  /** The pairing with a peer at this moment. */
  readonly pairing: (peer: string) => FoundPairing;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds of the monotonic clock. */
  readonly ticks: () => number;
}

/** The gate of one boot of a node. */
export class Gate {
  readonly #identity: NodeIdentity;
  readonly #node: string;
  readonly #modules: GateModules;
  /** Sessions whose request this gate itself burned. A session can not claim it. */
  readonly #burned = new WeakSet<GateSession>();

  /** Takes the identity over: its maker keeps no reference to it. */
  constructor(opts: { readonly node: string; readonly identity: NodeIdentity }, modules: GateModules) {
    this.#node = opts.node;
    this.#identity = opts.identity;
    this.#modules = modules;
  }

  /** The public identity. */
  get identity(): Identity {
    return this.#identity.public;
  }

  /** Bytes of the public identity: the `public_key` of evidence. */
  get identityBytes(): Uint8Array {
    return this.#identity.publicBytes;
  }

  /** 16 bytes of this boot. */
  get boot(): Uint8Array {
    return this.#identity.boot;
  }

  /** Key and certificate of the TLS listener; whoever makes the listener wipes the key. */
  get tls(): TlsKey {
    return this.#identity.tls;
  }

  /**
   * Opens a pairwise envelope addressed to this node: the payload, which the caller owns and wipes.
   * @throws SymbolonError `channel/envelope-*`.
   */
  open(envelope: Envelope, expected: ExpectedEnvelope): Uint8Array {
    return openEnvelope(this.#identity, envelope, { ...expected, self: this.#node });
  }

  /**
   * Says for this node that it takes part in a session, 64 bytes: where the others take its evidence of an earlier one. It
   * allows nothing by itself; what leaves is checked by {@link Gate.release}.
   */
  presence(session: Uint8Array): Uint8Array {
    return signPresence(this.#identity, session, this.#node);
  }

  /**
   * Burns the session's request, durably. Without it the last round does not leave (T13).
   * @throws SymbolonError of the replay guard.
   */
  async burn(session: GateSession): Promise<void> {
    const { request, hash } = session.verified;
    await this.#modules.guard.burn({ id: request.id, hash, expiresAt: request.expiresAt });
    this.#burned.add(session);
  }

  /**
   * Checks everything once more, then seals `outputs` for this round.
   * @throws SymbolonError `node/wrong-phase`, `session/expired`, `session/wrong-state`, `gate/*`, `pairing/*`,
   * `request/*`; then nothing was sealed.
   * `round/peer-cheated` where a receiver's attested key can't be used; then nothing leaves.
   */
  release(session: GateSession, outputs: readonly Outgoing[]): Envelope[] {
    this.#check(session);
    return outputs.map(({ to, payload }) => {
      const common = {
        session: session.id,
        round: session.round,
        from: this.#node,
        transcript: session.transcript,
        payload,
      };
      if (to === undefined) {
        return sealEnvelope(this.#identity, common);
      }
      const receiver = session.appraisals.get(to)?.identity;
      if (receiver === undefined || !session.others.includes(to)) {
        throw new SymbolonError('gate/evidence-over', { peer: to });
      }
      try {
        return sealEnvelope(this.#identity, { ...common, to, receiver });
      } catch (error) {
        // A key that nothing can be encrypted to (RFC 7748 section 6.1): its owner attested it, and no honest one does.
        throw isSymbolonError(error, 'channel/bad-key')
          ? new SymbolonError(
              'round/peer-cheated',
              { peer: to, round: session.round, code: error.code },
              { cause: error },
            )
          : error;
      } finally {
        payload.fill(0);
      }
    });
  }

  #check(session: GateSession): void {
    const { phase, manifest, now, ticks } = this.#modules;
    const at = now();
    if (phase.phase !== 'ready') {
      throw new SymbolonError('node/wrong-phase', { phase: phase.phase, wanted: ['ready'] });
    }
    if (session.ended) {
      throw new SymbolonError('session/wrong-state', { state: 'ended', wanted: 'running' });
    }
    // T37: by both clocks, whichever says more.
    if (at >= session.deadline || ticks() >= session.endTick) {
      throw new SymbolonError('session/expired', { session: toHex(session.id) });
    }
    const current = manifest();
    if (!equalBytes(current.hash, session.manifest)) {
      throw new SymbolonError('gate/not-current', {
        wanted: toHex(session.manifest),
        got: toHex(current.hash),
      });
    }
    // T02: appraisals are this session's own; their end is the earliest of leaf certificate and measurement window.
    for (const peer of session.others) {
      const appraisal = session.appraisals.get(peer);
      if (appraisal?.node !== peer || at >= appraisal.notAfter) {
        throw new SymbolonError('gate/evidence-over', { peer });
      }
    }
    // T15: of a run that used a poisoned pairing nothing leaves, and of one whose pairing was replaced neither.
    for (const [peer, id] of session.pairings) {
      readyPairing(this.#modules.pairing(peer), peer, id);
    }
    this.#checkAuthority(session, current, at);
    // T13: the durable mark comes before the first byte of the last round.
    if (session.round === session.lastRound && !this.#burned.has(session)) {
      throw new SymbolonError('gate/not-burned', {});
    }
  }

  /** The request's signature was checked when the session opened, over bytes that can't change since; time and grants can. */
  #checkAuthority(session: GateSession, current: VerifiedManifest, at: number): void {
    const { request, client } = session.verified;
    const refuse = (reason: string): never => {
      throw new SymbolonError('gate/not-granted', { client: client.name, reason });
    };
    const known = current.manifest.clients.find((one) => one.name === client.name);
    if (known === undefined || !equalBytes(known.publicKey, client.publicKey)) {
      return refuse('the client is not in the manifest');
    }
    if (at >= known.notAfter) {
      return refuse('the time of the client is over');
    }
    if (at >= request.expiresAt) {
      return refuse('the request is expired');
    }
    if (request.action === 'key.create' || request.action === 'pair' || request.action === 'pair.renew') {
      checkGranted(request, known);
      return;
    }
    if (session.key === undefined) {
      return refuse('no key');
    }
    checkKeyUse(request, known, session.key);
  }
}
