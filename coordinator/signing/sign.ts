/**
 * Signing with any t of the nodes that hold a key. A node that fails in any step is left out and the same signed request
 * goes to another set, until a verified signature is there or the deadline has passed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';
import { maxAttempts } from '../../wire/limits.ts';
import { signedMessage } from '../../wire/messages/request.ts';
import type { KeyGeneration } from '../keyFacts.ts';
import {
  endSession,
  isConnectionError,
  round1,
  SessionFailure,
  type SessionLimits,
  type StepTime,
} from '../rounds.ts';
import { within } from '../within.ts';
import { attempt, codeOf, SpoiledSet } from './attempt.ts';
import { canMeet, chooseSet, setName, type Obstacles, type Quarrel } from './chooseSet.ts';
import type { Choice, FailedAttempt, SigningModules, SignOrder, SignResult, Target } from './contract.ts';

/** Longest look at all nodes before a request is given up, in milliseconds. */
const lastLookMs = 500;
/** What a node that has gone on to the next generation of the key is refused with, or refuses with. */
const maybeAhead: readonly string[] = [
  'coordinator/node-answer',
  'session/wrong-generation',
  'session/key-not-active',
  'session/unknown-key',
  'session/bad-participants',
];

/**
 * Gets a signature.
 * @throws SymbolonError `coordinator/not-enough-nodes`, `coordinator/request-refused` where the nodes agree on why,
 * `coordinator/deadline`.
 */
export function sign(order: SignOrder, modules: SigningModules, limits: SessionLimits): Promise<SignResult> {
  return new Signing(order, modules, limits).run();
}

/** One request on its way through the sets of nodes. */
class Signing {
  readonly #order: SignOrder;
  readonly #modules: SigningModules;
  readonly #limits: SessionLimits;
  readonly #target: Target;
  readonly #started = performance.now();
  readonly #failed: FailedAttempt[] = [];
  /** Nodes that are left out, and why. */
  readonly #out = new Map<string, SymbolonError>();
  readonly #quarrels: Quarrel[] = [];
  readonly #spoiled = new Set<string>();
  /** How often each node was in a quarrel or a spoiled set: a liar is in all of them. */
  readonly #suspicion = new Map<string, number>();
  #mayPresign: boolean;

  constructor(order: SignOrder, modules: SigningModules, limits: SessionLimits) {
    const { payload, path } = order.request;
    this.#order = order;
    this.#modules = modules;
    this.#limits = limits;
    this.#target = { ...signedMessage(payload), path: path ?? [] };
    this.#mayPresign = this.#target.kind === 'ecdsa';
  }

  async run(): Promise<SignResult> {
    for (let tried = 0; tried < maxAttempts; tried += 1) {
      if (performance.now() >= this.#limits.deadline) {
        throw this.#deadlinePassed();
      }
      const choice = this.#choose() ?? (await this.#lookAgain());
      if (choice === undefined) {
        throw this.#notEnough();
      }
      const times: StepTime[] = [];
      try {
        const made = await attempt(choice, this.#target, this.#order, this.#modules, this.#limits, times);
        this.#modules.nodes.absolve(choice.participants);
        this.#modules.onAttempt?.('signed');
        const { session, signature } = made;
        return {
          ...made,
          path: this.#target.path,
          presigned: choice.presignature !== undefined,
          participants: choice.participants,
          ms: round1(performance.now() - this.#started),
          rounds: times,
          failed: this.#failed,
          finish: () => {
            endSession(choice.participants, { outcome: 'signed', session, signature }, this.#modules);
          },
        };
      } catch (error) {
        const failure = await this.#noted(error, choice);
        this.#failed.push(failure);
        this.#modules.onAttempt?.('failed', failure);
      }
    }
    throw this.#deadlinePassed();
  }

  #choose(): Choice | undefined {
    const { nodes, presignatures } = this.#modules;
    const obstacles = this.#obstacles();
    for (const generation of this.#order.generations()) {
      const candidates = nodes
        .usableFor(generation)
        .filter((name) => !this.#out.has(name))
        .sort((a, b) => this.#suspicionOf(a) - this.#suspicionOf(b));
      const set = chooseSet(candidates, generation.threshold, obstacles);
      if (this.#mayPresign) {
        // One that lately failed a session is asked only where there are too few others (T35).
        const field =
          set?.some((name) => nodes.isBlamed(name)) === true
            ? candidates
            : candidates.filter((name) => !nodes.isBlamed(name));
        const ready = presignatures.take(
          generation,
          (holders) => holders.every((name) => field.includes(name)) && canMeet(holders, obstacles),
        );
        if (ready !== undefined) {
          return { generation, participants: ready.nodes, presignature: ready.id };
        }
      }
      if (set !== undefined) {
        return { generation, participants: set, presignature: undefined };
      }
    }
    return undefined;
  }

  #suspect(names: readonly string[]): void {
    for (const name of names) {
      this.#suspicion.set(name, this.#suspicionOf(name) + 1);
    }
  }

  #suspicionOf(name: string): number {
    return this.#suspicion.get(name) ?? 0;
  }

  #obstacles(): Obstacles {
    const { whyApart } = this.#modules;
    return {
      quarrels: this.#quarrels,
      spoiled: this.#spoiled,
      ...(this.#target.kind === 'ecdsa' ? { apart: (a, b) => whyApart(a, b) !== undefined } : {}),
    };
  }

  /** One look at all nodes before giving up: a node may be back, and the answer says what is true now. */
  async #lookAgain(): Promise<Choice | undefined> {
    const { nodes, help } = this.#modules;
    await Promise.race([nodes.refresh(), sleep(lastLookMs, undefined, { ref: false })]);
    const found = this.#choose();
    if (found !== undefined) {
      return found;
    }
    // Nodes that are there and lack a pairing, or one generation, can be helped.
    const [generation] = this.#order.generations();
    if (generation !== undefined) {
      const there = generation.nodes.filter((name) => !this.#out.has(name));
      await within(help(generation, there), Math.max(0, this.#limits.deadline - performance.now()));
    }
    return this.#choose();
  }

  /** Remembers who failed, so that the next set is another one. */
  async #noted(error: unknown, choice: Choice): Promise<FailedAttempt> {
    const { nodes } = this.#modules;
    const { participants } = choice;
    if (error instanceof SpoiledSet) {
      // Somebody in this set lies. Whoever signs well with others is trusted again.
      this.#spoiled.add(setName(participants));
      participants.forEach((name) => {
        nodes.blame(name);
      });
      this.#suspect(participants);
      const { step, code, message } = error;
      return { participants, step, node: '', accused: '', code, detail: message };
    }
    if (!(error instanceof SessionFailure)) {
      throw error;
    }
    const { step, fault } = error;
    const { node, accused } = fault;
    const code = codeOf(fault.error);
    if (code === 'presignature/absent' || code === 'threshold/foreign-presignature') {
      // The nodes do not have it any more: the same set goes on without.
      this.#mayPresign = false;
      this.#modules.presignatures.doubt(choice.generation, participants);
    } else if (accused !== undefined) {
      // Either may be lying: they are kept apart, and whoever is honest signs with others.
      this.#quarrels.push([node, accused]);
      this.#suspect([node, accused]);
      if (this.#target.kind === 'ecdsa') {
        this.#modules.pairingTrouble(node);
      }
    } else if (!maybeAhead.includes(code) || !(await this.#isAhead(node, choice.generation))) {
      this.#out.set(node, fault.error);
      nodes.blame(node);
      if (isConnectionError(fault.error)) {
        nodes.markDown(node, fault.error);
      }
    }
    return { participants, step, node, accused: accused ?? '', code, detail: fault.error.message };
  }

  /** Whether a node has another generation now than it was asked to sign with: then it did not fail. */
  async #isAhead(node: string, { id, generation }: KeyGeneration): Promise<boolean> {
    const { nodes } = this.#modules;
    // A node that can't be asked is in the way all the same.
    const asked = nodes.ask(node, id).catch(() => undefined);
    await Promise.race([asked, sleep(lastLookMs, undefined, { ref: false })]);
    const info = nodes.view(node)?.keys.get(id);
    return info !== undefined && info.generation !== generation;
  }

  #deadlinePassed(): SymbolonError {
    return new SymbolonError('coordinator/deadline', {
      ms: Math.round(performance.now() - this.#started),
      tried: this.#failed.map(({ node, step, code }) => `${node} ${step} ${code}`),
    });
  }

  /** Where every node that was asked refused for one and the same reason, that reason is the answer. */
  #notEnough(): SymbolonError {
    const refusals = [...this.#out.values()].map((error) =>
      isSymbolonError(error, 'coordinator/node-refused') ? error.facts : undefined,
    );
    const [first] = refusals;
    if (first !== undefined && refusals.every((refusal) => refusal?.code === first.code)) {
      return new SymbolonError('coordinator/request-refused', {
        code: first.code,
        detail: first.detail,
        nodes: [...this.#out.keys()],
      });
    }
    const [generation] = this.#order.generations();
    if (generation === undefined) {
      return new SymbolonError('coordinator/unknown-key', { key: this.#order.request.key });
    }
    const { nodes, whyApart } = this.#modules;
    const usable = nodes.usableFor(generation).filter((name) => !this.#out.has(name));
    const out = generation.nodes
      .filter((name) => !usable.includes(name))
      .map((name) => {
        const reason = this.#out.get(name)?.message ?? nodes.whyNot(name, generation)?.sentence;
        return `${name}: ${reason ?? ''}`;
      });
    const apart = usable.flatMap((a, i) =>
      usable.slice(i + 1).flatMap((b) => {
        const why = this.#target.kind === 'ecdsa' ? whyApart(a, b) : undefined;
        return why === undefined ? [] : [`${[a, b].sort().join(' with ')}: ${why}`];
      }),
    );
    return new SymbolonError('coordinator/not-enough-nodes', {
      wanted: generation.threshold,
      healthy: usable,
      refused: [...out, ...apart],
    });
  }
}
