/** Threshold ECDSA in one process, for tests: keys of a trusted dealer, pairings, and the runs of all signers. */
import { ecdsaSignRun, presignRun } from '../../threshold/dkls/presign.ts';
import { combineEcdsa, type EcdsaSignature } from '../../threshold/dkls/combine.ts';
import { onlineRun } from '../../threshold/dkls/online.ts';
import type { KeyPublic, KeyShare, LentPairing, PresignatureParts, Run } from '../../threshold/index.ts';
import type { EcdsaScheme } from '../../wire/ids.ts';
import { dealPairing } from './pairings.ts';
import { dealKey, driveRuns, insecureSeeded, sessionOf, type Delivery } from './run.ts';

/** A key and the pairings of its holders. */
export interface EcdsaSetting {
  readonly public: KeyPublic;
  readonly shares: ReadonlyMap<number, KeyShare>;
  /** The pairings of one holder with others. */
  readonly pairings: (index: number, others: readonly number[]) => Map<number, LentPairing>;
}

/** Deals a key, and pairs its holders. */
export function ecdsaSetting(
  scheme: EcdsaScheme,
  threshold: number,
  participants: readonly number[],
  seed: string,
): EcdsaSetting {
  const shares = dealKey({ scheme, threshold, participants, seed });
  const one = [...shares.values()][0];
  if (one === undefined) {
    throw new TypeError('no participants');
  }
  return { public: one.public, shares, pairings: remembered(seed) };
}

/** Pairings that are dealt once each: tests run the same signers again and again. They are lent, so nobody wipes them. */
function remembered(seed: string): EcdsaSetting['pairings'] {
  const dealt = new Map<string, LentPairing>();
  return (index, others) =>
    new Map(
      others
        .filter((other) => other !== index)
        .map((other) => {
          const name = `${index}/${other}`;
          const pairing = dealt.get(name) ?? dealPairing(seed, index, other);
          dealt.set(name, pairing);
          return [other, pairing];
        }),
    );
}

/** The share of a participant. */
export function shareOf(setting: EcdsaSetting, index: number): KeyShare {
  const share = setting.shares.get(index);
  if (share === undefined) {
    throw new TypeError(`no share ${index}`);
  }
  return share;
}

/** What the signers of a run are told. */
export interface SignTask {
  readonly signers: readonly number[];
  readonly digest: Uint8Array;
  readonly path?: readonly number[];
  readonly seed: string;
  readonly onDelivery?: (delivery: Delivery) => void;
}

const rising = (signers: readonly number[]): number[] => [...signers].sort((a, b) => a - b);

/** The runs of a presignature, by index, in the order of `signers`. */
export function presignRuns(
  setting: EcdsaSetting,
  { signers, seed }: Pick<SignTask, 'signers' | 'seed'>,
): Map<number, Run> {
  return new Map(
    signers.map((index) => [
      index,
      presignRun(
        {
          kind: 'ecdsa-presign',
          share: shareOf(setting, index),
          session: sessionOf(seed),
          signers: rising(signers),
          pairings: setting.pairings(index, signers),
        },
        insecureSeeded(`${seed}/presign/${index}`),
      ),
    ]),
  );
}

/** Makes a presignature; gives the parts of each signer. */
export function presign(
  setting: EcdsaSetting,
  task: Pick<SignTask, 'signers' | 'seed' | 'onDelivery'>,
): Map<number, PresignatureParts> {
  const { results } = driveRuns(presignRuns(setting, task), task.onDelivery);
  return new Map(
    [...results].map(([index, result]) => {
      if (result.kind !== 'presignature') {
        throw new TypeError(`a result of kind ${result.kind}`);
      }
      return [index, result.presignature];
    }),
  );
}

/** The runs of a whole signature, by index, in the order of `signers`. */
export function signRuns(
  setting: EcdsaSetting,
  { signers, digest, path, seed }: Omit<SignTask, 'onDelivery'>,
): Map<number, Run> {
  return new Map(
    signers.map((index) => [
      index,
      ecdsaSignRun(
        {
          kind: 'ecdsa-sign',
          share: shareOf(setting, index),
          session: sessionOf(seed),
          signers: rising(signers),
          pairings: setting.pairings(index, signers),
          digest,
          path: path ?? [],
        },
        insecureSeeded(`${seed}/sign/${index}`),
      ),
    ]),
  );
}

/** The signature shares of a run's last round put together. */
export const combined = (
  setting: EcdsaSetting,
  { digest, path }: Pick<SignTask, 'digest' | 'path'>,
  shares: ReadonlyMap<number, Uint8Array>,
): EcdsaSignature => combineEcdsa({ public: setting.public, path: path ?? [], digest, shares });

/** Signs in three rounds. */
export function signWhole(setting: EcdsaSetting, task: SignTask): EcdsaSignature {
  const { broadcasts } = driveRuns(signRuns(setting, task), task.onDelivery);
  return combined(setting, task, broadcasts.at(-1) ?? new Map<number, Uint8Array>());
}

/** The runs of an online signature, by index. */
export function onlineRuns(
  setting: EcdsaSetting,
  parts: ReadonlyMap<number, PresignatureParts>,
  { digest, path, seed }: Pick<SignTask, 'digest' | 'path' | 'seed'>,
): Map<number, Run> {
  const signers = rising([...parts.keys()]);
  return new Map(
    [...parts].map(([index, presignature]) => [
      index,
      onlineRun({
        kind: 'ecdsa-online',
        public: setting.public,
        index,
        signers,
        presignature,
        digest,
        path: path ?? [],
        session: sessionOf(`${seed}/online`),
      }),
    ]),
  );
}

/** Signs with presignatures. */
export function signOnline(
  setting: EcdsaSetting,
  parts: ReadonlyMap<number, PresignatureParts>,
  task: Pick<SignTask, 'digest' | 'path' | 'seed'>,
): EcdsaSignature {
  const { broadcasts } = driveRuns(onlineRuns(setting, parts, task));
  return combined(setting, task, broadcasts.at(-1) ?? new Map<number, Uint8Array>());
}
