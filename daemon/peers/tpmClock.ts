/**
 * The rule about the clock of a peer's TPM: it and the counters of resets only go on (TPM 2.0 Part 1 section 36). A virtual
 * TPM that is put back with its machine's snapshot shows less than it did, in whatever boot of the node. In memory only: what
 * survives a restart of this node is the mark (guard/SPEC.md).
 */
import type { TpmClock } from '../../enclave/evidence/index.ts';
import { SymbolonError } from '../../wire/errors/index.ts';

/** Counters of resets before the clock: an unorderly power-off may set the clock back a little, and counts as a reset. */
const fields = ['resetCount', 'restartCount', 'clock'] as const;

/** The refusal of a clock that is before `seen`, which was shown in evidence before this one was asked for. */
export function judgeTpmClock(
  peer: string,
  shown: TpmClock | undefined,
  seen: TpmClock | undefined,
): SymbolonError<'gate/tpm-set-back'> | undefined {
  if (shown === undefined || seen === undefined) {
    return undefined;
  }
  const field = fields.find((one) => shown[one] !== seen[one]);
  return field !== undefined && shown[field] < seen[field]
    ? new SymbolonError('gate/tpm-set-back', { peer, field, seen: seen[field], got: shown[field] })
    : undefined;
}

/** The later of two clocks. */
export const laterClock = (a: TpmClock, b: TpmClock | undefined): TpmClock =>
  judgeTpmClock('', a, b) === undefined || b === undefined ? a : b;
