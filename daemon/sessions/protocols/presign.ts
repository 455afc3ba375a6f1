/**
 * The three rounds in which holders of an ECDSA key make a presignature. It is kept when all have confirmed that they saw
 * the same messages (T16), and gone where the session ends in any other way (T12). The confirmation is in its id too.
 */
import { SymbolonError } from '../../../wire/errors/index.ts';
import { equalBytes } from '../../../wire/ids.ts';
import { presignatureIdOf } from '../../../wire/messages/session.ts';
import type { Keystore } from '../../keystore/keystore.ts';
import type { Place } from '../../presignatures/pool.ts';
import type { Runner } from '../../work/runner.ts';
import { wipeResult } from '../../work/wipe.ts';
import type { PairingUse } from '../pairingUse.ts';
import { nameOf, type RoundInput, type Rounds } from '../rounds.ts';
import { SessionRun } from './run.ts';
import { lentShare, type ActiveKey } from './share.ts';

/** Round in which the presignature is made. */
const lastRound = 3;

/** What a run is about. */
export interface PresignOptions {
  /** The key as it was when the session opened. */
  readonly key: ActiveKey;
  /** Indices of the signers, rising. */
  readonly signers: readonly number[];
}
/** What it works with. */
export interface PresignModules {
  readonly runner: Runner;
  readonly keystore: Pick<Keystore, 'open'>;
  readonly pairings: PairingUse;
  /** Where the presignature goes. */
  readonly place: Place;
}

/** A run that ends with a presignature in its place. */
export function presignRounds(opts: PresignOptions, modules: PresignModules): Rounds {
  const { key, signers } = opts;
  const { runner, keystore, pairings, place } = modules;
  const run = new SessionRun(async ({ session }) => {
    await pairings.begin();
    const share = await lentShare(keystore, key);
    return runner.begin({ kind: 'ecdsa-presign', share, session, signers, pairings: pairings.lend() });
  });
  let own: Uint8Array | undefined;

  const keep = async ({ session }: RoundInput, confirmation: Uint8Array): Promise<void> => {
    const made = await run.result();
    try {
      if (made.kind !== 'presignature') {
        throw new TypeError('a run of another kind');
      }
      place.fill(presignatureIdOf(session, confirmation), made.presignature);
      own = confirmation;
    } finally {
      wipeResult(made);
    }
  };

  return pairings.guarded({
    last: lastRound,
    lasting: true,
    sendsPairwise: run.sendsPairwise,
    wipe: () => {
      run.wipe();
      place.release();
    },
    step: async (round, input) => {
      const outputs = await run.step(round, input);
      const [broadcast] = outputs;
      if (round === lastRound && broadcast !== undefined) {
        await keep(input, broadcast.payload);
      }
      return outputs;
    },
    confirm: (broadcasts, holders) => {
      for (const [from, theirs] of broadcasts) {
        if (own === undefined || !equalBytes(theirs, own)) {
          throw new SymbolonError('round/split-view', { peer: nameOf(holders, from), round: lastRound });
        }
      }
      place.keep();
    },
  });
}
