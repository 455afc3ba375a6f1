/** What the caller and the process of an enrolment share: the files, the order and the answer. */
import type { WrappingAlgorithm } from './material.ts';
import type { Problem } from './problem.ts';

/** Files that an enrolment makes in its folder, in the order of their making. */
export const enrolmentFiles = {
  /** Folder of the SoftHSM2 token. */
  tokens: 'tokens',
  softhsmConf: 'softhsm2.conf',
  /** The user PIN, 0600. The SO PIN is random and kept nowhere: a lost PIN is a lost share. */
  pin: 'pin',
  /** Written last: where it is, the rest is complete. */
  profile: 'profile.json',
} as const;

/** What the enrolment process is asked for; nothing of it is secret. */
export interface EnrolOrder {
  readonly folder: string;
  readonly label: string;
  readonly module: string;
  readonly keyLabel: string;
  /** Algorithms to probe, in this order. */
  readonly algorithms: readonly WrappingAlgorithm[];
  readonly now: number;
}

/** The answer of the enrolment process. */
export type EnrolAnswer = { readonly ok: true } | { readonly ok: false; readonly problem: Problem };
