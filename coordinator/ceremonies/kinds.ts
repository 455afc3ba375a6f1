/** What the nodes run for each kind of request, as data: rounds, who takes part, how it ends. */
import type {
  KeyCreateRequest,
  PairRequest,
  PresignRequest,
  RenewRequest,
} from '../../wire/messages/request.ts';

/** Requests that all of their nodes must come through. */
export type CeremonyRequest = KeyCreateRequest | RenewRequest | PairRequest | PresignRequest;

/** Rounds of a ceremony: three of the protocol, and one in which shares are stored. */
export const roundsOf = ({ action }: CeremonyRequest): number =>
  action === 'key.create' || action === 'key.refresh' || action === 'key.reshare' ? 4 : 3;

/** Whether the nodes keep what was made only once each was handed the last broadcasts of the others. */
export const concludes = ({ action }: CeremonyRequest): boolean =>
  action === 'pair' || action === 'pair.renew' || action === 'presign';

/** Names of the nodes that take part, sorted. */
export function participantsOf(request: CeremonyRequest, holders: readonly string[]): string[] {
  switch (request.action) {
    case 'key.refresh':
      return [...holders].sort();
    case 'key.reshare':
      return [...new Set([...request.dealers, ...request.nodes])].sort();
    case 'key.create':
    case 'pair':
    case 'pair.renew':
    case 'presign':
      return [...request.nodes].sort();
  }
}
