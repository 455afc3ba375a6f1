/**
 * Signatures: FROST in two rounds (RFC 9591 section 5), ECDSA in three, or in one with a presignature. The coordinator
 * puts the signature together and verifies it.
 */
import { digestOf } from '../../../threshold/index.ts';
import { signedMessage, type SignRequest } from '../../../wire/messages/request.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import type { Reserved } from '../../presignatures/pool.ts';
import type { Runner } from '../../work/runner.ts';
import type { PairingUse } from '../pairingUse.ts';
import type { Rounds } from '../rounds.ts';
import { SessionRun } from './run.ts';
import { lentShare, sameKey, type ActiveKey } from './share.ts';

/** What a run of signing is about. */
export interface SignOptions {
  readonly request: SignRequest;
  /** The key as it was when the session opened. */
  readonly key: ActiveKey;
  /** Indices of the signers, rising. */
  readonly signers: readonly number[];
}
/** What it works with. */
export interface SignModules {
  readonly runner: Runner;
  readonly keystore: Pick<Keystore, 'open'>;
}

/** What is signed, and at which path. The node hashes an ECDSA message itself: no caller chooses the digest for it (T14). */
const signing = ({ payload, path = [] }: SignRequest) => ({ signable: signedMessage(payload), path });

const roundsOf = (run: SessionRun, last: number): Rounds => ({
  last,
  lasting: false,
  sendsPairwise: run.sendsPairwise,
  step: (round, input) => run.step(round, input),
  wipe: () => {
    run.wipe();
  },
});

/** A run of FROST. */
export function frostRounds(opts: SignOptions, { runner, keystore }: SignModules): Rounds {
  const { request, key, signers } = opts;
  const { signable, path } = signing(request);
  const run = new SessionRun(async () => {
    const share = await lentShare(keystore, key);
    const { message } = signable;
    const tweak = signable.kind === 'frost' ? signable.tweak : 'none';
    return runner.begin({ kind: 'frost-sign', share, signers, message, tweak, path });
  });
  return roundsOf(run, 2);
}

/** A run of ECDSA without a presignature. `pairings` are those with the other signers. */
export function ecdsaRounds(
  opts: SignOptions,
  modules: SignModules & { readonly pairings: PairingUse },
): Rounds {
  const { request, key, signers } = opts;
  const { runner, keystore, pairings } = modules;
  const { signable, path } = signing(request);
  const digest = signable.kind === 'ecdsa' ? digestOf(signable.hash, signable.message) : signable.message;
  const run = new SessionRun(async ({ session }) => {
    await pairings.begin();
    const share = await lentShare(keystore, key);
    return runner.begin({
      kind: 'ecdsa-sign',
      share,
      session,
      signers,
      pairings: pairings.lend(),
      digest,
      path,
    });
  });
  return pairings.guarded(roundsOf(run, 3));
}

/** A run of ECDSA with a presignature: one round. */
export function onlineRounds(
  opts: SignOptions,
  modules: SignModules & { readonly reserved: Reserved },
): Rounds {
  const { request, key, signers } = opts;
  const { runner, keystore, reserved } = modules;
  const { signable, path } = signing(request);
  const digest = signable.kind === 'ecdsa' ? digestOf(signable.hash, signable.message) : signable.message;
  const run = new SessionRun(async ({ session }) => {
    const { record } = await sameKey(keystore, key);
    // T13: out of the pool before a byte is made of it.
    const presignature = reserved.take();
    try {
      return runner.begin({
        kind: 'ecdsa-online',
        public: record.public,
        index: record.index,
        signers,
        presignature,
        digest,
        path,
        session,
      });
    } finally {
      presignature.phi.fill(0);
      presignature.u.fill(0);
      presignature.v.fill(0);
    }
  });
  return {
    ...roundsOf(run, 1),
    wipe: () => {
      run.wipe();
      // A session that dies takes its presignature with it (T12).
      reserved.release();
    },
  };
}
