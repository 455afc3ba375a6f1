/**
 * Refused evidence in words for a person. The catalogue speaks of nodes and manifests; for `evidence verify` there are none,
 * but the values that the command line wants.
 */
import type { EvidenceRefusal } from '../../enclave/evidence/index.ts';
import { catalogue, type ErrorCode, type Fact } from '../../wire/errors/index.ts';
import { utc } from '../style.ts';
import { printable } from './view.ts';

/** What is said in place of the catalogue's words. */
const offline: Readonly<Partial<Record<ErrorCode, { readonly what: string; readonly todo: string }>>> = {
  'evidence/measurement-mismatch': {
    what: 'A register differs from the wanted value.',
    todo: 'Compare the wanted value with that of the image that should run; `symbolon evidence show` lists all registers.',
  },
  'evidence/zeros-listed': {
    what: 'A wanted value is of only zeros, which any debug enclave shows.',
    todo: 'Give the values of the image that should run, or --allow-debug to look at a debug enclave.',
  },
  'evidence/other-machine': {
    what: 'The evidence is of another attestation key than the wanted one.',
    todo: 'Check which machine made the evidence, and whose key --ak is.',
  },
};

/** Facts that are Unix milliseconds. */
const times: ReadonlySet<string> = new Set(['at', 'now', 'madeAt', 'notBefore', 'notAfter']);
/** Facts that only a manifest gives: what stands there offline says nothing. */
const fillers: Readonly<Record<string, Fact>> = { node: '-', measurement: 'given' };

/** What is said of a refusal: the sentence with its facts, and what to do. */
export interface Words {
  readonly what: string;
  readonly todo: string;
}

/** A refusal of `evidence verify`: no node and no manifest in it, times as UTC. */
export function offlineWords(refusal: EvidenceRefusal): Words {
  const { what, todo } = offline[refusal.code] ?? { ...catalogue[refusal.code], todo: refusal.todo };
  return { what: withFacts(what, refusal), todo };
}

/** A refusal under a manifest: the catalogue's words, times as UTC. */
export const wordsOf = (refusal: EvidenceRefusal): Words => ({
  what: withFacts(catalogue[refusal.code].what, refusal),
  todo: refusal.todo,
});

function withFacts(what: string, { facts }: EvidenceRefusal): string {
  const told = Object.entries<Fact>(facts)
    .filter(([name, value]) => fillers[name] !== value)
    .map(([name, value]) => `${name}=${factText(name, value)}`)
    .join(' ');
  return told === '' ? what : `${what} (${told})`;
}

/** What is no date of the calendar stays a number. */
const factText = (name: string, value: Fact): string =>
  typeof value === 'number' && times.has(name) && Math.abs(value) <= 8_640_000_000_000_000
    ? utc(value)
    : printable(Array.isArray(value) ? value.join(',') : String(value));
