/** The choice of the nodes that sign together. */

/** Two nodes that are not put in one set. */
export type Quarrel = readonly [string, string];

/** What keeps sets from being chosen. */
export interface Obstacles {
  readonly quarrels: readonly Quarrel[];
  /** Whether two nodes can't be in one set for another reason. */
  readonly apart?: ((a: string, b: string) => boolean) | undefined;
  /** Names of sets, see {@link setName}, that failed as a whole. */
  readonly spoiled?: ReadonlySet<string> | undefined;
}

/** One text for one set of nodes. */
export const setName = (nodes: readonly string[]): string => [...nodes].sort().join(' ');

/** Whether two nodes can be in one set. */
const together = ({ quarrels, apart }: Obstacles, a: string, b: string): boolean =>
  !quarrels.some(([x, y]) => (x === a && y === b) || (x === b && y === a)) && apart?.(a, b) !== true;

/** Whether a set of distinct nodes can sign together. */
export const canMeet = (nodes: readonly string[], obstacles: Obstacles): boolean =>
  obstacles.spoiled?.has(setName(nodes)) !== true &&
  nodes.every((a, i) => nodes.slice(i + 1).every((b) => together(obstacles, a, b)));

/** The first `threshold` candidates, in their order, that can sign together; `undefined` where there are none. */
export function chooseSet(
  candidates: readonly string[],
  threshold: number,
  obstacles: Obstacles,
): string[] | undefined {
  const extend = (chosen: readonly string[], from: number): string[] | undefined => {
    if (chosen.length === threshold) {
      return obstacles.spoiled?.has(setName(chosen)) === true ? undefined : [...chosen];
    }
    for (let i = from; candidates.length - i >= threshold - chosen.length; i += 1) {
      const next = candidates[i];
      if (next !== undefined && chosen.every((name) => together(obstacles, name, next))) {
        const found = extend([...chosen, next], i + 1);
        if (found !== undefined) {
          return found;
        }
      }
    }
    return undefined;
  };
  return extend([], 0);
}
