/**
 * All nodes of the cluster and what is known of each: a poll with back-off, down at the first failure, up once its
 * evidence was verified and its status read. Says who can take part with a key now, and of the others why not.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import type { KeyInfo, NodeStatus } from '../../wire/messages/node.ts';
import { KeyReading, type Heard, type HeldKeys } from './keyReading.ts';
import type { NodeClient, Verified } from './nodeClient.ts';

/** What is known of a node. `refused`: it answers, and its evidence or identity was refused. */
export type NodeState = 'unknown' | 'up' | 'down' | 'refused';

/** Why a node can't take part: a code of the catalogue and a sentence for people. */
export interface Reason {
  readonly code: string;
  readonly sentence: string;
}

/** A node as it was last seen. */
export interface NodeView {
  readonly name: string;
  readonly state: NodeState;
  /** Why the state is `down` or `refused`. */
  readonly reason: Reason | undefined;
  /** Unix milliseconds of the last change of `state`. */
  readonly since: number;
  readonly lastSeenAt: number | undefined;
  readonly verified: Verified | undefined;
  readonly status: NodeStatus | undefined;
  /** What it says of keys, as far as that was read. */
  readonly keys: HeldKeys;
  /** Round trip of a status call in milliseconds, smoothed. */
  readonly latencyMs: number | undefined;
  /** The node's clock minus ours in milliseconds, as far as one round trip can tell. */
  readonly clockSkewMs: number | undefined;
  /** Evidence made later lasted longer: the platform renews its certificates by itself. */
  readonly renews: boolean;
}

/** How long a node that failed a session is put last, in milliseconds. */
const blameMs = 30_000;

/** What a key must look like on a node for the node to be usable. */
export interface WantedKey {
  readonly id: string;
  /** Shares of two generations never sign together (T20). */
  readonly generation: number;
  readonly nodes: readonly string[];
  /** What all holders must say alike, by `saidOf`. */
  readonly said: string;
}

/** Times of a {@link NodeSet}, in milliseconds. */
export interface NodeSetOptions {
  /** Between two looks at a healthy node. */
  readonly pollMs: number;
  /** First and longest wait before the next look at a node that is down. */
  readonly backOffMs: readonly [first: number, longest: number];
}

/** Pause between two pages of a list of keys in milliseconds: while no request is at work, and while one is. */
const pagePauseMs = { idle: 10, busy: 100 } as const;

/** What a {@link NodeSet} needs. */
export interface NodeSetModules {
  readonly clients: readonly NodeClient[];
  readonly now: () => number;
  /** Whether no request is at work. */
  readonly idle: () => boolean;
  /** Told when something about a node changed: state, phase, reason. */
  readonly onChange?: (view: NodeView) => void;
  /** Told after every look that was answered. */
  readonly onLook?: (view: NodeView) => void;
  /** Told of what was read of a node's list of keys. */
  readonly onKeys?: (heard: Heard) => void;
  /** Told each time that the evidence of a node was refused, with the code. */
  readonly onRefused?: (name: string, code: string) => void;
}

interface Entry {
  readonly client: NodeClient;
  view: NodeView;
  failures: number;
  /** Unix milliseconds until which others are asked first. */
  blamedUntil: number;
  readonly keys: KeyReading;
  /** Its last list of keys can't be one. */
  badList: boolean;
  /** The rest of a long list, page by page in the background. */
  reading: Promise<void> | undefined;
  timer: NodeJS.Timeout | undefined;
  looking: Promise<void> | undefined;
}

/** The nodes of one cluster. */
export class NodeSet {
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #options: NodeSetOptions;
  readonly #modules: NodeSetModules;
  #running = false;

  constructor(options: NodeSetOptions, modules: NodeSetModules) {
    this.#options = options;
    this.#modules = modules;
    const now = modules.now();
    this.#entries = new Map(
      modules.clients.map((client) => {
        const keys = new KeyReading({ client, heard: (heard) => this.#modules.onKeys?.(heard) });
        return [
          client.name,
          {
            client,
            view: {
              name: client.name,
              state: 'unknown',
              reason: undefined,
              since: now,
              lastSeenAt: undefined,
              verified: undefined,
              status: undefined,
              keys,
              latencyMs: undefined,
              clockSkewMs: undefined,
              renews: false,
            },
            failures: 0,
            blamedUntil: 0,
            keys,
            badList: false,
            reading: undefined,
            timer: undefined,
            looking: undefined,
          },
        ];
      }),
    );
  }

  /** Starts looking at all nodes; resolves after the first look at each, however it ended. */
  async start(): Promise<void> {
    this.#running = true;
    await this.refresh();
  }

  /** Ends the polling and all connections. */
  async stop(): Promise<void> {
    this.#running = false;
    for (const entry of this.#entries.values()) {
      clearTimeout(entry.timer);
      entry.client.close();
    }
    await Promise.all(
      [...this.#entries.values()].map(async ({ looking, reading }) => {
        await looking;
        await reading;
      }),
    );
  }

  names(): string[] {
    return [...this.#entries.keys()];
  }

  views(): NodeView[] {
    return [...this.#entries.values()].map(({ view }) => view);
  }

  view(name: string): NodeView | undefined {
    return this.#entries.get(name)?.view;
  }

  /** @throws SymbolonError `coordinator/unknown-node`. */
  client(name: string): NodeClient {
    const entry = this.#entries.get(name);
    if (entry === undefined) {
      throw new SymbolonError('coordinator/unknown-node', { node: name });
    }
    return entry.client;
  }

  /** Looks at one node, or at all, now; never throws. */
  async refresh(name?: string): Promise<void> {
    const wanted = [...this.#entries.values()].filter(
      (entry) => name === undefined || entry.view.name === name,
    );
    await Promise.all(
      wanted.map(async (entry) => {
        // A look that began before this call may have read the state before the caller's change.
        await entry.looking;
        await this.#look(entry);
      }),
    );
  }

  /**
   * Asks a node for one key: what it is there now, however far its list was read.
   * @throws SymbolonError `coordinator/unknown-node`, and of the call.
   */
  ask(name: string, key: string): Promise<KeyInfo | undefined> {
    this.client(name);
    return this.#entries.get(name)?.keys.ask(key) ?? Promise.resolve(undefined);
  }

  /** The manifest changed: all evidence is asked for anew. */
  async reverify(): Promise<void> {
    for (const { client } of this.#entries.values()) {
      client.forget();
    }
    await this.refresh();
  }

  /** A call to a node failed on its connection: it is down at once, and looked at again soon. */
  markDown(name: string, error: SymbolonError): void {
    const entry = this.#entries.get(name);
    if (entry?.view.state !== 'up') {
      return;
    }
    this.#failed(entry, error);
    this.#schedule(entry);
  }

  /**
   * A session failed by this node: for a while it is chosen only where there are too few others, so that one that is quick
   * to accept and never finishes does not cost every request its first attempt (T35).
   */
  blame(name: string): void {
    const entry = this.#entries.get(name);
    if (entry !== undefined) {
      entry.blamedUntil = this.#modules.now() + blameMs;
    }
  }

  /** These nodes did well together: whoever of them was blamed with others is trusted again. */
  absolve(names: readonly string[]): void {
    for (const name of names) {
      const entry = this.#entries.get(name);
      if (entry !== undefined) {
        entry.blamedUntil = 0;
      }
    }
  }

  /** Whether a session failed by this node a short while ago. */
  isBlamed(name: string): boolean {
    return this.#blamed(name) === 1;
  }

  /** Why a node can't take part in anything now, or `undefined` where it can. */
  whyNotReady(name: string): Reason | undefined {
    const view = this.#entries.get(name)?.view;
    if (view === undefined) {
      return reasonOf(new SymbolonError('coordinator/unknown-node', { node: name }));
    }
    if (view.state !== 'up' || view.status === undefined) {
      return (
        view.reason ??
        reasonOf(
          new SymbolonError('coordinator/node-unreachable', {
            node: name,
            call: 'status',
            reason: 'not looked at yet',
          }),
        )
      );
    }
    const { phase, reason, detail } = view.status;
    if (phase !== 'ready') {
      const error = new SymbolonError('node/wrong-phase', { phase, wanted: ['ready'] });
      return { code: reason ?? error.code, sentence: detail ?? error.message };
    }
    return undefined;
  }

  /** Why a node can't sign with a key now, or `undefined` where it can. */
  whyNot(name: string, key: WantedKey): Reason | undefined {
    const general = this.whyNotReady(name);
    if (general !== undefined) {
      return general;
    }
    if (this.holds(name, key)) {
      return undefined;
    }
    const info = this.#entries.get(name)?.keys.get(key.id);
    if (info?.state !== 'active') {
      const code = info?.code;
      const lacks = reasonOf(
        new SymbolonError('coordinator/node-lacks-key', {
          node: name,
          key: key.id,
          state: info?.state ?? 'absent',
        }),
      );
      return code === undefined ? lacks : { code, sentence: lacks.sentence };
    }
    if (info.generation !== key.generation) {
      const { id, generation: wanted } = key;
      const facts = { key: id, wanted, got: info.generation };
      return reasonOf(new SymbolonError('session/wrong-generation', facts));
    }
    return reasonOf(new SymbolonError('coordinator/key-disagrees', { key: key.id, node: name }));
  }

  /**
   * Whether a node can sign with a key as far as its list says. What it was not read of yet counts as held: the store
   * knows what exists, and a node that lacks a key refuses it by name.
   */
  holds(name: string, key: WantedKey): boolean {
    const keys = this.#entries.get(name)?.keys;
    if (keys?.knows(key.id) !== true) {
      return true;
    }
    const held = keys.get(key.id);
    return held?.state === 'active' && held.generation === key.generation && held.said === key.said;
  }

  /** The nodes that can sign with a key now: those that lately failed no session first, and of these the fastest. */
  usableFor(key: WantedKey): string[] {
    return key.nodes
      .filter((name) => this.whyNot(name, key) === undefined)
      .sort((a, b) => this.#blamed(a) - this.#blamed(b) || this.#cost(a) - this.#cost(b));
  }

  #blamed(name: string): number {
    return (this.#entries.get(name)?.blamedUntil ?? 0) > this.#modules.now() ? 1 : 0;
  }

  #cost(name: string): number {
    return this.#entries.get(name)?.view.latencyMs ?? Number.MAX_SAFE_INTEGER;
  }

  #look(entry: Entry): Promise<void> {
    entry.looking ??= this.#lookOnce(entry).finally(() => {
      entry.looking = undefined;
      this.#schedule(entry);
    });
    return entry.looking;
  }

  async #lookOnce(entry: Entry): Promise<void> {
    const { client } = entry;
    const { now } = this.#modules;
    try {
      const before = entry.view.verified;
      const verified = await client.refresh();
      const started = performance.now();
      const status = await client.status();
      const took = performance.now() - started;
      if (status.node !== client.name) {
        throw new SymbolonError('coordinator/node-answer', {
          node: client.name,
          call: 'GET /v1/status',
          reason: 'the status of another node',
        });
      }
      if (entry.badList) {
        // A node that gave a list that can't be one stays out until it gives one that can.
        await this.#readPage(entry, status);
      }
      entry.failures = 0;
      const { latencyMs } = entry.view;
      this.#set(entry, {
        state: 'up',
        reason: undefined,
        lastSeenAt: now(),
        verified,
        status,
        latencyMs: latencyMs === undefined ? took : latencyMs * 0.8 + took * 0.2,
        clockSkewMs: Math.round(status.now - (now() - took / 2)),
        renews:
          entry.view.renews ||
          (before !== undefined && verified.appraisal.notAfter > before.appraisal.notAfter),
      });
      this.#modules.onLook?.(entry.view);
      await this.#readPage(entry, status);
    } catch (error) {
      this.#failed(entry, asSymbolon(error, client.name));
    }
  }

  /**
   * Reads the first page of what is new of a node's keys: small lists, and what changed in a long one, are known after a
   * look. Signing does not wait for it.
   * @throws SymbolonError `coordinator/node-answer` where the list can't be one.
   */
  async #readPage(entry: Entry, status: NodeStatus): Promise<void> {
    const { keys } = entry;
    // A node tells its keys in phase ready only; before that its status says why it is not.
    if (status.phase !== 'ready' || !keys.isBehind(status) || entry.reading !== undefined) {
      return;
    }
    if (await this.#page(entry)) {
      entry.reading = this.#readOn(entry).finally(() => {
        entry.reading = undefined;
      });
    }
  }

  /** The rest, page by page and out of the way of requests. Never throws. */
  async #readOn(entry: Entry): Promise<void> {
    try {
      do {
        await sleep(this.#modules.idle() ? pagePauseMs.idle : pagePauseMs.busy);
      } while (this.#running && entry.view.state !== 'refused' && (await this.#page(entry)));
    } catch (error) {
      this.#failed(entry, asSymbolon(error, entry.view.name));
      this.#schedule(entry);
    }
  }

  /** Reads one page; returns whether there is more. A call that fails is no fault of the list: the next look goes on. */
  async #page(entry: Entry): Promise<boolean> {
    try {
      const more = await entry.keys.page();
      entry.badList = false;
      return more;
    } catch (error) {
      const named = asSymbolon(error, entry.view.name);
      if (named.code !== 'coordinator/node-answer') {
        return false;
      }
      entry.badList = true;
      throw named;
    }
  }

  #failed(entry: Entry, error: SymbolonError): void {
    entry.failures += 1;
    const refused = error.code.startsWith('evidence/') || error.code === 'coordinator/node-identity';
    if (refused) {
      this.#modules.onRefused?.(entry.view.name, error.code);
      // What it said before it was refused counts for nothing.
      entry.keys.forget();
    }
    this.#set(entry, { state: refused ? 'refused' : 'down', reason: reasonOf(error) });
  }

  #set(entry: Entry, change: Partial<NodeView>): void {
    const before = entry.view;
    const state = change.state ?? before.state;
    const since = state === before.state ? before.since : this.#modules.now();
    entry.view = { ...before, ...change, state, since };
    const changed =
      state !== before.state ||
      entry.view.status?.phase !== before.status?.phase ||
      entry.view.reason?.code !== before.reason?.code;
    if (changed) {
      this.#modules.onChange?.(entry.view);
    }
  }

  #schedule(entry: Entry): void {
    clearTimeout(entry.timer);
    if (!this.#running) {
      return;
    }
    const { pollMs, backOffMs } = this.#options;
    const [first, longest] = backOffMs;
    const wait =
      entry.failures === 0 ? pollMs : Math.min(longest, first * 2 ** Math.min(entry.failures - 1, 16));
    entry.timer = setTimeout(() => {
      void this.#look(entry);
    }, wait);
    entry.timer.unref();
  }
}

/** Code and sentence of an error of the catalogue. */
export const reasonOf = (error: SymbolonError): Reason => ({ code: error.code, sentence: error.message });

/** An error of the catalogue as it is; anything else is a mistake of this program and named so. */
export const asSymbolon = (error: unknown, node: string): SymbolonError =>
  isSymbolonError(error)
    ? error
    : new SymbolonError(
        'coordinator/node-answer',
        { node, call: 'unknown', reason: 'unexpected error' },
        { cause: error },
      );
