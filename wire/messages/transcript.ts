/**
 * The running hash over everything broadcast in a session, as nodes and coordinator form it. Two that saw different
 * broadcasts differ here (T16, T36).
 */
import { compareBytes } from '../cbor.ts';
import { hashOf } from '../ids.ts';

const label = 'symbolon/transcript/1';
const utf8 = new TextEncoder();

/** `t_1`: the transcript that round 1 is sent under, 32 bytes. It holds the session id and nothing else. */
export const firstTranscript = (session: Uint8Array): Uint8Array => hashOf(label, session);

/**
 * `t_{r+1}` from `t_r` and the broadcasts of round `r`, this node's own included: 32 bytes. The broadcasts are hashed in
 * the bytewise order of their senders' names, so that every node forms the same hash.
 */
export function nextTranscript(
  transcript: Uint8Array,
  round: number,
  broadcasts: ReadonlyMap<string, Uint8Array>,
): Uint8Array {
  const sorted = [...broadcasts].sort(([a], [b]) => compareBytes(utf8.encode(a), utf8.encode(b)));
  return hashOf(label, transcript, round, sorted);
}
