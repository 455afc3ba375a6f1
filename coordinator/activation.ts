/**
 * Activation of new keys: hands the confirmations of all nodes to each of them until each has said that its share is
 * active, through failures and restarts. Only then the key counts as active.
 */
import { isSymbolonError } from '../wire/errors/index.ts';
import { keyActivate, type Envelope } from '../wire/messages/session.ts';
import type { NodeSet } from './nodes/nodeSet.ts';
import type { KeyDirectory } from './keys.ts';
import type { Log } from './log.ts';
import type { Store } from './store/store.ts';

/** What activation works with. */
export interface ActivationModules {
  readonly store: Store;
  readonly keys: KeyDirectory;
  readonly nodes: Pick<NodeSet, 'client' | 'refresh' | 'view' | 'whyNotReady'>;
  readonly log: Log;
}

interface Pending {
  readonly key: string;
  readonly nodes: readonly string[];
  readonly confirmations: readonly Envelope[];
  readonly done: Set<string>;
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
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(modules: ActivationModules) {
    this.#modules = modules;
  }

  /** Takes up the activations that were under way when the process ended. */
  async load(): Promise<void> {
    for (const { key, confirmations, done } of await this.#modules.store.activations()) {
      this.#add(key, keyActivate.decode(confirmations).confirmations, done);
    }
  }

  /** Takes on a new key, which the store already holds as pending. */
  add(key: string, confirmations: readonly Envelope[]): void {
    this.#add(key, confirmations, []);
  }

  /** Resolves when the key is active on all nodes; at once where it is not pending. */
  async whenActive(key: string): Promise<void> {
    await this.#pending.get(key)?.ended;
  }

  /** Names of the nodes that have not activated a pending key yet. */
  waitingFor(key: string): string[] {
    const pending = this.#pending.get(key);
    return pending === undefined ? [] : pending.nodes.filter((name) => !pending.done.has(name));
  }

  /** Delivers now what can be delivered. Called by itself with back-off, and when a node comes up. */
  kick(): void {
    clearTimeout(this.#timer);
    if (this.#pending.size === 0 || this.#stopped) {
      return;
    }
    if (this.#running !== undefined) {
      this.#wait = waits.first;
      return;
    }
    this.#running = this.#deliverAll().finally(() => {
      this.#running = undefined;
      if (this.#pending.size > 0 && !this.#stopped) {
        this.#timer = setTimeout(() => {
          this.kick();
        }, this.#wait);
        this.#timer.unref();
        this.#wait = Math.min(waits.longest, this.#wait * 2);
      }
    });
  }

  /** Ends the deliveries; what is left is taken up again at the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #add(key: string, confirmations: readonly Envelope[], done: readonly string[]): void {
    const { nodes } = this.#modules.keys.get(key);
    let settle: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      settle = resolve;
    });
    this.#pending.set(key, { key, nodes, confirmations, done: new Set(done), ended, settle });
    this.#wait = waits.first;
  }

  async #deliverAll(): Promise<void> {
    await Promise.all([...this.#pending.values()].map((pending) => this.#deliver(pending)));
  }

  async #deliver(pending: Pending): Promise<void> {
    const { nodes, store, keys, log } = this.#modules;
    const { key } = pending;
    await Promise.all(
      pending.nodes
        .filter((name) => !pending.done.has(name) && nodes.whyNotReady(name) === undefined)
        .map(async (name) => {
          try {
            await nodes.client(name).activate(key, pending.confirmations);
            await nodes.refresh(name, { keys: true });
            // The node's own list decides, not the answer to the call.
            if (nodes.view(name)?.keys.get(key)?.state === 'active') {
              await store.activatedBy(key, name);
              pending.done.add(name);
            }
          } catch (error) {
            if (!isSymbolonError(error)) {
              throw error;
            }
            log('warn', 'activation-failed', { key, node: name, code: error.code, detail: error.message });
          }
        }),
    );
    if (pending.nodes.every((name) => pending.done.has(name))) {
      await keys.activate(key);
      this.#pending.delete(key);
      log('info', 'key-active', { key });
      pending.settle();
    }
  }
}
