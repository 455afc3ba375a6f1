/**
 * Mends what a lost store, or a crash at the wrong moment, left between the nodes: where one has activated a generation of
 * a key and another has not, the confirmations are taken from the first and delivered to the second. Nodes verify them; so
 * nothing has to be remembered here for it.
 */
import { isSymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import type { Log } from '../log.ts';
import type { NodeSet, NodeView } from '../nodes/nodeSet.ts';
import { BackOff } from './backOff.ts';

/** What the mender works with. */
export interface MenderModules {
  readonly nodes: Pick<NodeSet, 'views' | 'client' | 'refresh' | 'whyNotReady'>;
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

/** Delivers confirmations from node to node. */
export class Mender {
  readonly #modules: MenderModules;
  readonly #backOff: BackOff;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(modules: MenderModules) {
    this.#modules = modules;
    this.#backOff = new BackOff({ waits: [1_000, 60_000], tries: 6, names: 4_096 }, { now: modules.now });
  }

  /** Looks for gaps and mends them, in the background. To be called when a node's list of keys was read. */
  kick(): void {
    if (this.#stopped || this.#running !== undefined || this.#gaps().length === 0) {
      return;
    }
    this.#running = this.mend().finally(() => {
      this.#running = undefined;
    });
  }

  /** Tries every gap once. Never throws. */
  async mend(): Promise<void> {
    for (const gap of this.#gaps()) {
      if (!this.#stopped) {
        await this.#mend(gap);
      }
    }
  }

  /** Ends the background work. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  #gaps(): Gap[] {
    const { nodes, isPending } = this.#modules;
    const ready = nodes.views().filter(({ name }) => nodes.whyNotReady(name) === undefined);
    /** The newest generation of each key that a node has activated, and that node. */
    const newest = new Map<
      string,
      { readonly generation: number; readonly name: string; readonly nodes: readonly string[] }
    >();
    for (const { name, keys } of ready) {
      for (const { id, state, generation, nodes: holders } of keys.values()) {
        if (state === 'active' && generation > (newest.get(id)?.generation ?? 0)) {
          newest.set(id, { generation, name, nodes: holders });
        }
      }
    }
    return ready.flatMap((to) =>
      [...to.keys.values()].flatMap((info): Gap[] => {
        const best = newest.get(info.id);
        const lacks =
          best !== undefined &&
          (info.state === 'active' ? info.generation < best.generation : info.state === 'pending') &&
          !isPending(info.id);
        if (!lacks) {
          return [];
        }
        const gap = { key: info.id, generation: best.generation, from: best.name, to };
        return this.#backOff.isDue(nameOf(gap)) ? [gap] : [];
      }),
    );
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
      log('warn', 'mending-failed', { key, node: to.name, code: error.code, detail: error.message });
    }
    // What the node lists decides. One that never stored that generation is not asked for ever.
    this.#backOff.failed(nameOf(gap));
    await nodes.refresh(to.name, { keys: true });
  }
}

/** A restart of the node begins the count anew. */
const nameOf = ({ key, generation, to }: Gap): string =>
  `${key} ${generation} ${to.name} ${toHex(to.status?.boot ?? new Uint8Array())}`;
