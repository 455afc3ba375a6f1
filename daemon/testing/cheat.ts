/** A node that cheats, for tests: it seals whatever it likes with its real, attested identity. */
import type { Envelope } from '../../wire/messages/session.ts';
import type { TestCluster } from './cluster.ts';

/** What the cheater says. */
export interface Lie {
  readonly from: string;
  readonly session: Uint8Array;
  readonly round: number;
  readonly payload: Uint8Array;
  readonly to?: string;
  /** The transcript of the cheater's own session unless given. */
  readonly transcript?: Uint8Array;
}

/** Seals a lie in the name of a node that takes part in the session. */
export function lie(cluster: TestCluster, { from, session, round, payload, to, transcript }: Lie): Envelope {
  const { node } = cluster.node(from);
  const real = node.sessions().table.ofId(session, 'coordinator');
  const [envelope] = node.gate.release(
    {
      id: session,
      round,
      // A round that is never the last needs no burned request.
      lastRound: 99,
      transcript: transcript ?? real.transcript,
      deadline: real.deadline,
      endTick: real.endTick,
      ended: false,
      manifest: real.manifest,
      verified: real.verified,
      key: real.key,
      pairings: real.pairings,
      others: real.others,
      appraisals: real.appraisals,
    },
    [{ payload: payload.slice(), ...(to === undefined ? {} : { to }) }],
  );
  if (envelope === undefined) {
    throw new Error('nothing was sealed');
  }
  return envelope;
}

/** A copy of `raw` with one bit changed. */
export function flipped(raw: Uint8Array, at = 0): Uint8Array {
  const out = raw.slice();
  out[at] = (out[at] ?? 0) ^ 1;
  return out;
}
