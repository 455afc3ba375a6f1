/**
 * The pairings of the nodes. What is absent, broken or not the same on both ends is made anew in the background: at the
 * start, when a node comes up, and when an ECDSA key needs one. A poisoned one is only shown: a check failed there, and going on is an operator's decision (T15).
 */
import { isSymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import { runCeremony, type CeremonyModules } from '../ceremonies/ceremony.ts';
import { concludes, participantsOf, roundsOf } from '../ceremonies/kinds.ts';
import type { Log } from '../log.ts';
import type { NodeSet } from '../nodes/nodeSet.ts';
import { pairsOf, pairView, type PairState, type PairView } from '../nodes/pairState.ts';
import type { OwnClient } from '../ownClient.ts';
import type { SessionLimits } from '../rounds.ts';
import { BackOff } from './backOff.ts';
import type { Turn } from './turn.ts';

/** What pairings work with. */
export interface PairingsModules {
  readonly nodes: Pick<NodeSet, 'names' | 'view' | 'whyNotReady' | 'refresh'>;
  readonly own: Pick<OwnClient, 'mayPair' | 'sign'>;
  /** Hash of the manifest in force, 32 bytes. */
  readonly manifest: () => Uint8Array;
  readonly ceremony: () => { readonly modules: CeremonyModules; readonly limits: SessionLimits };
  readonly turn: Turn;
  readonly now: () => number;
  readonly log: Log;
  /** Told of every session that ended. */
  readonly onSession: (outcome: 'done' | 'failed', node?: string) => void;
}

/** What stands in the way of two nodes, in words. */
const words: Readonly<Record<Exclude<PairState, 'ready'>, string>> = {
  absent: 'they have no pairing yet',
  poisoned: 'their pairing is poisoned: find out why, then `symbolon pair --renew`',
  broken: 'the record of their pairing can not be opened, a new one is not made yet',
  differs: 'they do not have the same pairing, a new one is not made yet',
  unknown: 'one of them can not be asked',
};

type Pair = readonly [string, string];

/** Whether a new pairing is made without anybody's order: everything but a poisoned one, and one that nobody can be asked of. */
const isLacking = (state: PairState): boolean =>
  state === 'absent' || state === 'differs' || state === 'broken';

/** Knows and makes pairings. */
export class Pairings {
  readonly #modules: PairingsModules;
  readonly #backOff: BackOff;
  #running: Promise<void> | undefined;
  #stopped = true;

  constructor(modules: PairingsModules) {
    this.#modules = modules;
    this.#backOff = new BackOff({ waits: [1_000, 60_000], tries: 8, names: 1_024 }, { now: modules.now });
  }

  /** From here on absent pairings are made. To be called when all nodes were looked at once. */
  begin(): void {
    this.#stopped = false;
    this.kick();
  }

  /** How two nodes are paired. */
  between(a: string, b: string): PairView {
    const nodes: Pair = a < b ? [a, b] : [b, a];
    return pairView((name) => this.#modules.nodes.view(name), nodes);
  }

  /** Why two nodes can't multiply together now, in words; `undefined` where they can. */
  whyApart(a: string, b: string): string | undefined {
    const { state } = this.between(a, b);
    return state === 'ready' ? undefined : words[state];
  }

  /** All pairs of the cluster. */
  list(): PairView[] {
    return pairsOf(this.#modules.nodes.names()).map(([a, b]) => this.between(a, b));
  }

  /** Makes what is absent and due, in the background. To be called after every look at a node. */
  kick(): void {
    if (this.#stopped || this.#running !== undefined || this.#groups().next().done === true) {
      return;
    }
    this.#running = this.make(this.#modules.nodes.names()).finally(() => {
      this.#running = undefined;
    });
  }

  /** Makes what is absent between these nodes and due, and resolves when it was tried. Never throws. */
  async make(names: readonly string[]): Promise<void> {
    for (const group of this.#groups(names)) {
      if (this.#stopped) {
        return;
      }
      await this.#modules.turn.run(() => this.#pair(group));
    }
  }

  /** Ends the background work. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  /** Groups of nodes to pair now, each looked for when the one before was tried. */
  *#groups(names: readonly string[] = this.#modules.nodes.names()): Generator<readonly string[]> {
    const { own, nodes } = this.#modules;
    for (;;) {
      const ready = names.filter((name) => nodes.whyNotReady(name) === undefined);
      const due = pairsOf(ready).filter((pair) => this.#isDue(pair));
      const [first] = due;
      if (first === undefined || !own.mayPair()) {
        return;
      }
      // A new cluster is paired in one session. What failed so is tried two by two: one node does not stop the others.
      yield this.#backOff.tries(this.#nameOf(first)) > 0 ? first : largestGroup(first, due, ready);
    }
  }

  #isDue(pair: Pair): boolean {
    return isLacking(this.between(...pair).state) && this.#backOff.isDue(this.#nameOf(pair));
  }

  /** A restart of either node begins the count anew. */
  #nameOf(pair: Pair): string {
    const { nodes } = this.#modules;
    return pair
      .map((name) => `${name} ${toHex(nodes.view(name)?.status?.boot ?? new Uint8Array())}`)
      .join(' ');
  }

  async #pair(group: readonly string[]): Promise<void> {
    const { own, manifest, ceremony, nodes, log, onSession } = this.#modules;
    const pairs = pairsOf(group);
    // Two looks at two moments can show two ends that differ: nothing is replaced on an old look.
    await Promise.all(group.map((name) => nodes.refresh(name)));
    if (!pairs.some((pair) => this.#isDue(pair))) {
      return;
    }
    const { signed, hash, request } = own.sign({ action: 'pair', nodes: [...group].sort() });
    const { modules, limits } = ceremony();
    try {
      await runCeremony(
        {
          signed,
          requestHash: hash,
          participants: participantsOf(request, []),
          manifest: manifest(),
          generation: 0,
          rounds: roundsOf(request),
          concludes: concludes(request),
        },
        modules,
        limits,
      );
      onSession('done');
      log('info', 'paired', { nodes: [...group] });
    } catch (error) {
      if (!isSymbolonError(error)) {
        throw error;
      }
      const failed = isSymbolonError(error, 'coordinator/ceremony-failed') ? error.facts : undefined;
      onSession('failed', failed?.node);
      const code = failed?.code ?? error.code;
      log('warn', 'pairing-failed', { nodes: [...group], code, detail: error.message });
    }
    // What the nodes show decides, not how the session ended.
    await Promise.all(group.map((name) => nodes.refresh(name)));
    for (const pair of pairs.filter((one) => isLacking(this.between(...one).state))) {
      this.#backOff.failed(this.#nameOf(pair), { again: group.length > 2 });
    }
  }
}

/** The nodes of `first`, and those that lack a pairing with all of them. */
function largestGroup(first: Pair, due: readonly Pair[], ready: readonly string[]): readonly string[] {
  const lacks = (a: string, b: string): boolean =>
    due.some(([x, y]) => (x === a && y === b) || (x === b && y === a));
  const group: string[] = [...first];
  for (const name of ready) {
    if (!group.includes(name) && group.every((one) => lacks(one, name))) {
      group.push(name);
    }
  }
  return group.sort();
}
