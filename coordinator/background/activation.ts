/**
 * Activation: hands the confirmations of all holders of a new generation to each node that must have them, through failures
 * and restarts, until each has taken them. Only then the key, or its next generation, counts as active.
 */
import { isSymbolonError } from '../../wire/errors/index.ts';
import { keyActivate, type Envelope } from '../../wire/messages/session.ts';
import type { KeyDirectory } from '../keys.ts';
import type { Log } from '../log.ts';
import type { NodeSet } from '../nodes/nodeSet.ts';
import type { Store } from '../store/store.ts';

/** What activation works with. */
export interface ActivationModules {
  readonly store: Store;
  readonly keys: KeyDirectory;
  readonly nodes: Pick<NodeSet, 'client' | 'ask' | 'view' | 'whyNotReady'>;
  readonly log: Log;
}

/** What is to be delivered. */
export interface Delivery {
  readonly key: string;
  /** Generation that the confirmations are of. */
  readonly generation: number;
  /** Whether the key has an active generation before this one. */
  readonly renews: boolean;
  /** Names of the nodes that must take them. */
  readonly told: readonly string[];
  readonly confirmations: readonly Envelope[];
}

interface Pending extends Delivery {
  readonly done: Set<string>;
  /** What is under way: a node that is silent holds up its own key only (T35). */
  running: Promise<void> | undefined;
  readonly ended: Promise<void>;
  readonly settle: () => void;
}

/** Longest and shortest wait between two rounds of deliveries, in milliseconds. */
const waits = { first: 250, longest: 5_000 } as const;

/** Delivers confirmations until they have arrived everywhere. */
export class Activation {
  readonly #modules: ActivationModules;
  readonly #pending = new Map<string, Pending>();
  #timer: NodeJS.Timeout | undefined;
  #wait: number = waits.first;
  #stopped = false;

  constructor(modules: ActivationModules) {
    this.#modules = modules;
  }

  /** Takes up the deliveries that were under way when the process ended. */
  async load(): Promise<void> {
    const { store, keys } = this.#modules;
    for (const { key, confirmations, done } of await store.activations()) {
      const { generation, nodes } = keys.get(key);
      this.#add({ key, generation, renews: false, told: nodes, confirmations: decoded(confirmations) }, done);
    }
    for (const { key, generation, told, confirmations, done } of await store.renewals()) {
      this.#add({ key, generation, renews: true, told, confirmations: decoded(confirmations) }, done);
    }
  }

  /** Takes on what the store already holds. */
  add(delivery: Delivery): void {
    this.#add(delivery, []);
  }

  /** Resolves when what is pending for a key has arrived everywhere; at once where nothing is. */
  async whenActive(key: string): Promise<void> {
    await this.#pending.get(key)?.ended;
  }

  /** Names of the nodes that have not taken what is pending for a key. */
  waitingFor(key: string): string[] {
    const pending = this.#pending.get(key);
    return pending === undefined ? [] : pending.told.filter((name) => !pending.done.has(name));
  }

  /** Whether something is pending for a key. */
  has(key: string): boolean {
    return this.#pending.has(key);
  }

  /**
   * Ends a delivery of which all holders have taken their part: what is left are nodes that hold no share any more. To be
   * called where the key is to change again. Returns whether it has ended.
   */
  async giveUpOnDeparted(key: string): Promise<boolean> {
    const pending = this.#pending.get(key);
    const holders = this.#modules.keys.renewing(key)?.nodes ?? [];
    const left = this.waitingFor(key);
    if (pending?.renews !== true || left.some((name) => holders.includes(name))) {
      return pending === undefined;
    }
    this.#modules.log('warn', 'departed-not-told', { key, nodes: left });
    return this.#finish(pending);
  }

  /** Delivers now what can be delivered: something is new, or a node came up. It goes on by itself with back-off. */
  kick(): void {
    this.#wait = waits.first;
    this.#run();
  }

  #run(): void {
    clearTimeout(this.#timer);
    if (this.#pending.size === 0 || this.#stopped) {
      return;
    }
    for (const pending of this.#pending.values()) {
      pending.running ??= this.#deliver(pending).finally(() => {
        pending.running = undefined;
      });
    }
    this.#timer = setTimeout(() => {
      this.#run();
    }, this.#wait);
    this.#timer.unref();
    this.#wait = Math.min(waits.longest, this.#wait * 2);
  }

  /** Ends the deliveries; what is left is taken up again at the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await Promise.all([...this.#pending.values()].map(async ({ running }) => running));
  }

  #add(delivery: Delivery, done: readonly string[]): void {
    let settle: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      settle = resolve;
    });
    this.#pending.set(delivery.key, {
      ...delivery,
      done: new Set(done),
      running: undefined,
      ended,
      settle,
    });
  }

  async #deliver(pending: Pending): Promise<void> {
    const { nodes, keys, log } = this.#modules;
    const { key } = pending;
    await Promise.all(
      pending.told
        .filter((name) => !pending.done.has(name) && nodes.whyNotReady(name) === undefined)
        .map(async (name) => {
          try {
            await nodes.client(name).activate(key, pending.confirmations);
            await nodes.ask(name, key);
            if (this.#hasTaken(pending, name)) {
              await this.#note(pending, name);
            }
          } catch (error) {
            if (!isSymbolonError(error)) {
              throw error;
            }
            log('warn', 'activation-failed', { key, node: name, code: error.code, detail: error.message });
          }
        }),
    );
    // From here on the nodes that have the next generation may sign with it.
    await keys.adopt();
    const isCurrent = this.#pending.get(key) === pending;
    if (isCurrent && pending.told.every((name) => pending.done.has(name))) {
      await this.#finish(pending);
    }
  }

  /** The node's own word decides, not the answer to the call. A node that holds no share any more has no older one. */
  #hasTaken({ key, generation }: Delivery, name: string): boolean {
    const keys = this.#modules.nodes.view(name)?.keys;
    if (keys?.knows(key) !== true) {
      return false;
    }
    const info = keys.get(key);
    const isHolder = this.#modules.keys.renewing(key)?.nodes.includes(name) ?? true;
    return info?.state === 'active' ? info.generation >= generation : !isHolder;
  }

  async #note(pending: Pending, name: string): Promise<void> {
    const { store } = this.#modules;
    await (pending.renews ? store.renewedBy(pending.key, name) : store.activatedBy(pending.key, name));
    pending.done.add(name);
  }

  /** Returns whether the key has gone over. */
  async #finish(pending: Pending): Promise<boolean> {
    const { keys, log } = this.#modules;
    const { key, generation, renews } = pending;
    if (renews) {
      if (!(await keys.applyNext(key))) {
        // Its holders say that they have it and not alike what it is: they are asked again.
        return false;
      }
    } else {
      await keys.activate(key);
    }
    this.#pending.delete(key);
    log('info', 'key-active', { key, generation });
    pending.settle();
    return true;
  }
}

const decoded = (confirmations: Uint8Array): readonly Envelope[] =>
  keyActivate.decode(confirmations).confirmations;
