/** Who takes part in a session: names against the request, the manifest and the key. */
import { SymbolonError } from '../../wire/errors/index.ts';
import type { VerifiedManifest } from '../../manifest/index.ts';
import type { KeyRecord } from '../keystore/keystore.ts';
import type { Participant } from './contract.ts';

/** @throws SymbolonError `session/bad-participants`. */
export const badParticipants = (reason: string): never => {
  throw new SymbolonError('session/bad-participants', { reason });
};

/** Sorted and distinct, this node among them: one set of nodes has one list, and so one session id. */
export function checkNames(names: readonly string[], self: string): void {
  for (const [i, name] of names.entries()) {
    const before = names[i - 1];
    if (before !== undefined && before >= name) {
      badParticipants('not sorted, or a name twice');
    }
  }
  if (!names.includes(self)) {
    badParticipants('this node is not among them');
  }
}

/** The session's participants are exactly those that were asked for. */
export function checkSame(wanted: readonly string[], given: readonly string[]): void {
  if (wanted.length !== given.length || wanted.some((name, i) => name !== given[i])) {
    badParticipants('not exactly the nodes of the request');
  }
}

/** Participants by the manifest's index. */
export const nodesOfManifest = (names: readonly string[], { manifest }: VerifiedManifest): Participant[] =>
  names.map((name) => {
    const node = manifest.nodes.find((one) => one.name === name);
    return node === undefined
      ? badParticipants('a name is not in the manifest')
      : { name, index: node.index };
  });

/** Participants by their index in the key; the manifest must still mean the same nodes by the names. */
export const holdersAmong = (
  names: readonly string[],
  { holders }: Pick<KeyRecord, 'holders'>,
  { manifest }: VerifiedManifest,
): Participant[] =>
  names.map((name) => {
    const holder = holders.find((one) => one.name === name);
    if (holder === undefined) {
      return badParticipants('a node does not hold the key');
    }
    const named = manifest.nodes.find((one) => one.name === name);
    return named?.index === holder.index
      ? { name, index: holder.index }
      : badParticipants('a holder of the key is not in the manifest');
  });

/** Indices, rising. */
export const indicesOf = (participants: readonly Participant[]): number[] =>
  participants.map(({ index }) => index).sort((a, b) => a - b);
