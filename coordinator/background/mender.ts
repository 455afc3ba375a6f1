/**
 * Mends what a lost store, or a crash at the wrong moment, left between the nodes: where one has activated a generation of
 * a key and another has not, the confirmations are taken from the first and delivered to the second. Nodes verify them; so
 * nothing has to be remembered here for it. Nobody's word for the newest generation is believed: every node that lists
 * one above another's is asked, and one that lists what never was holds up none of the others.
 */
import { isSymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import type { Log } from '../log.ts';
import type { HeldKey } from '../nodes/keyReading.ts';
import type { NodeClient } from '../nodes/nodeClient.ts';
import type { NodeSet, NodeView } from '../nodes/nodeSet.ts';
import { BackOff } from './backOff.ts';

/** What the mender works with. */
export interface MenderModules {
  readonly nodes: Pick<NodeSet, 'views' | 'ask' | 'whyNotReady'> & {
    readonly client: (name: string) => Pick<NodeClient, 'confirmations' | 'activate'>;
  };
  /** Whether something is being delivered for a key already. */
  readonly isPending: (key: string) => boolean;
  readonly now: () => number;
  readonly log: Log;
}

/** A node that lacks a generation, and one that has it. */
interface Gap {
  readonly key: string;
  readonly generation: number;
  readonly from: string;
  readonly to: NodeView;
}

/** Gaps that are looked for at once, for each node that has what others lack. */
const gapsAtOnce = 64;

/** Delivers confirmations from node to node. */
export class Mender {
  readonly #modules: MenderModules;
  readonly #backOff: BackOff;
  /** Keys of which some node lacks what another one has, whether these two are up or not. */
  readonly #uneven = new Set<string>();
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(modules: MenderModules) {
    this.#modules = modules;
    this.#backOff = new BackOff({ waits: [1_000, 60_000], tries: 6, names: 4_096 }, { now: modules.now });
  }

  /** Takes note of keys of which a node said something new. */
  heard(ids: readonly string[]): void {
    const views = this.#modules.nodes.views();
    for (const id of ids) {
      const newest = newestOf(id, views);
      if (views.some(({ keys }) => isBehind(keys.get(id), newest))) {
        this.#uneven.add(id);
      } else {
        this.#uneven.delete(id);
      }
    }
  }

  /** Mends gaps in the background. To be called when a node said something new of its keys, and after looks. */
  kick(): void {
    if (this.#stopped || this.#running !== undefined || this.#gaps().length === 0) {
      return;
    }
    this.#running = this.mend().finally(() => {
      this.#running = undefined;
    });
  }

  /**
   * Tries every gap once: what one node gives in its order, and what several give side by side, so that one that is slow
   * with what it does not have delays nobody else's. Never throws.
   */
  async mend(): Promise<void> {
    const gaps = this.#gaps();
    const givers = [...new Set(gaps.map(({ from }) => from))];
    await Promise.all(
      givers.map(async (giver) => {
        for (const gap of gaps.filter(({ from }) => from === giver)) {
          if (!this.#stopped && this.#isThere(gap)) {
            await this.#mend(gap);
          }
        }
      }),
    );
  }

  /** Ends the background work. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  /** Some of the gaps that can be mended now. */
  #gaps(): Gap[] {
    const { nodes, isPending } = this.#modules;
    const ready = nodes.views().filter(({ name }) => nodes.whyNotReady(name) === undefined);
    const gaps: Gap[] = [];
    const counts = new Map<string, number>();
    for (const key of this.#uneven) {
      if (isPending(key)) {
        continue;
      }
      for (const { name: from, keys } of ready) {
        const held = keys.get(key);
        const count = counts.get(from) ?? 0;
        if (held?.state !== 'active' || count >= gapsAtOnce) {
          continue;
        }
        const { generation } = held;
        const found = ready
          .filter((to) => isBehind(to.keys.get(key), generation))
          .map((to) => ({ key, generation, from, to }))
          .filter((gap) => this.#backOff.isDue(nameOf(gap)));
        gaps.push(...found);
        counts.set(from, count + found.length);
      }
    }
    return gaps;
  }

  /** Whether nobody else has mended a gap meanwhile. */
  #isThere({ key, generation, to }: Gap): boolean {
    return isBehind(to.keys.get(key), generation);
  }

  async #mend(gap: Gap): Promise<void> {
    const { nodes, log } = this.#modules;
    const { key, generation, from, to } = gap;
    try {
      const confirmations = await nodes.client(from).confirmations(key, generation);
      await nodes.client(to.name).activate(key, confirmations);
      log('info', 'mended', { key, generation, node: to.name, from });
    } catch (error) {
      if (!isSymbolonError(error)) {
        throw error;
      }
      log('warn', 'mending-failed', { key, node: to.name, from, code: error.code, detail: error.message });
    }
    // What the node lists decides. One that never stored that generation is not asked for ever.
    this.#backOff.failed(nameOf(gap));
    try {
      await nodes.ask(to.name, key);
    } catch (error) {
      if (!isSymbolonError(error)) {
        throw error;
      }
    }
  }
}

/** The newest generation of a key that one of these nodes lists as active; 0 where none does. */
const newestOf = (id: string, views: readonly NodeView[]): number =>
  Math.max(
    0,
    ...views.map(({ keys }) => {
      const held = keys.get(id);
      return held?.state === 'active' ? held.generation : 0;
    }),
  );

/** Whether a node that holds a key lacks this generation of it, or has not activated it. */
const isBehind = (held: HeldKey | undefined, generation: number): boolean =>
  generation > 0 && (held?.state === 'active' ? held.generation < generation : held?.state === 'pending');

/** Each giver has its own count, so that one who lies uses up nobody else's. A restart of the taker begins it anew. */
const nameOf = ({ key, generation, from, to }: Gap): string =>
  `${key} ${generation} ${from} ${to.name} ${toHex(to.status?.boot ?? new Uint8Array())}`;
