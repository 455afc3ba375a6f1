/**
 * Time against time (T37). The parent of a node may lie about the time; the hypervisor and the peers tell it too, in
 * evidence that was made between two moments of this node's clock.
 */
import { SymbolonError } from '../../wire/errors/index.ts';
import { maxEvidenceSkewMs } from '../../wire/limits.ts';

/** Two moments of this node's clock, in Unix milliseconds. */
export interface Between {
  readonly from: number;
  readonly to: number;
}

/** How far a time must be ahead of this node's clock, in milliseconds, negative where it is behind; 0 where it fits. */
export const skewOf = (at: number, { from, to }: Between): number =>
  Math.max(0, at - to) + Math.min(0, at - from);

/** The refusal of a skew that is too large: the time of `node`, and of nobody else, differs from this node's. */
export const judgeSkew = (node: string, skewMs: number): SymbolonError<'gate/clock-skew'> | undefined =>
  Math.abs(skewMs) > maxEvidenceSkewMs
    ? new SymbolonError('gate/clock-skew', { node, skewMs, limitMs: maxEvidenceSkewMs })
    : undefined;
