/**
 * Mends what a lost store, or a crash at the wrong moment, left between the nodes: where one has activated a generation of
 * a key and another has not, the confirmations are taken from the first and delivered to the second. Nodes verify them; so
 * nothing has to be remembered here for it.
 */
import { isSymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import type { Log } from '../log.ts';
import type { HeldKey } from '../nodes/keyReading.ts';
import type { NodeSet, NodeView } from '../nodes/nodeSet.ts';
import { BackOff } from './backOff.ts';

/** What the mender works with. */
export interface MenderModules {
  readonly nodes: Pick<NodeSet, 'views' | 'client' | 'ask' | 'whyNotReady'>;
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

/** Gaps that are looked for at once. */
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
      const newest = newestOf(id, views)?.generation ?? 0;
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

  /** Some of the gaps that can be mended now. */
  #gaps(): Gap[] {
    const { nodes, isPending } = this.#modules;
    const ready = nodes.views().filter(({ name }) => nodes.whyNotReady(name) === undefined);
    const gaps: Gap[] = [];
    for (const key of this.#uneven) {
      const best = newestOf(key, ready);
      if (best === undefined || isPending(key)) {
        continue;
      }
      const { generation, name: from } = best;
      const behind = ready.filter((to) => isBehind(to.keys.get(key), generation));
      gaps.push(
        ...behind
          .map((to) => ({ key, generation, from, to }))
          .filter((gap) => this.#backOff.isDue(nameOf(gap))),
      );
      if (gaps.length >= gapsAtOnce) {
        break;
      }
    }
    return gaps;
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
    try {
      await nodes.ask(to.name, key);
    } catch (error) {
      if (!isSymbolonError(error)) {
        throw error;
      }
    }
  }
}

/** The newest generation of a key that one of these nodes has activated, and that node. */
function newestOf(
  id: string,
  views: readonly NodeView[],
): { readonly generation: number; readonly name: string } | undefined {
  let newest: { readonly generation: number; readonly name: string } | undefined;
  for (const { name, keys } of views) {
    const held = keys.get(id);
    if (held?.state === 'active' && held.generation > (newest?.generation ?? 0)) {
      newest = { generation: held.generation, name };
    }
  }
  return newest;
}

/** Whether a node that holds a key lacks this generation of it, or has not activated it. */
const isBehind = (held: HeldKey | undefined, generation: number): boolean =>
  generation > 0 && (held?.state === 'active' ? held.generation < generation : held?.state === 'pending');

/** A restart of the node begins the count anew. */
const nameOf = ({ key, generation, to }: Gap): string =>
  `${key} ${generation} ${to.name} ${toHex(to.status?.boot ?? new Uint8Array())}`;
