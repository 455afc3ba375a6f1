/** What the coordinator does for each kind of request, between the job that keeps it and the sessions that carry it. */
import type { VerifiedManifest } from '../manifest/index.ts';
import { SymbolonError } from '../wire/errors/index.ts';
import { toHex } from '../wire/ids.ts';
import type {
  KeyCreateRequest,
  PairRequest,
  RenewRequest,
  Request,
  SignRequest,
} from '../wire/messages/request.ts';
import { keyActivate } from '../wire/messages/session.ts';
import type { PairBody, SignatureBody } from './api.ts';
import type { Activation } from './background/activation.ts';
import type { Pairings } from './background/pairings.ts';
import type { Pools } from './background/pools.ts';
import type { Turn } from './background/turn.ts';
import { pairBody } from './bodies.ts';
import { runCeremony, storedByAll, type Ceremony } from './ceremonies/ceremony.ts';
import { concludes, participantsOf, roundsOf, type CeremonyRequest } from './ceremonies/kinds.ts';
import { pathText } from './chains/path.ts';
import type { JobDone } from './jobs.ts';
import { agreedKey, generationsOf, type Key } from './keyFacts.ts';
import type { KeyDirectory } from './keys.ts';
import type { CoordinatorLimits } from './limits.ts';
import type { Log } from './log.ts';
import type { Metrics, SessionAction } from './metrics.ts';
import type { NodeSet } from './nodes/nodeSet.ts';
import { pairsOf } from './nodes/pairState.ts';
import { round1, type SessionLimits, type SessionModules, type StepTime } from './rounds.ts';
import { sign } from './signing/sign.ts';
import type { Job, JobKind } from './store/store.ts';
import { within } from './within.ts';

/** What the work is done with. */
export interface WorkModules {
  readonly nodes: NodeSet;
  readonly keys: KeyDirectory;
  readonly activation: Activation;
  readonly pairings: Pairings;
  readonly pools: Pools;
  readonly turn: Turn;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly now: () => number;
  readonly manifest: () => VerifiedManifest;
  readonly sessions: () => SessionModules;
  readonly limits: CoordinatorLimits;
}

/** What a ceremony about a key leaves as the result of its job. */
export interface Made {
  readonly key: string;
  readonly rounds: readonly StepTime[];
  readonly ms: number;
}

/** What a ceremony starts from. */
interface CeremonyPlan {
  /** Generation that the key has now; 0 where there is none. */
  readonly generation: number;
  /** Present holders of the key. */
  readonly holders: readonly string[];
  /** Looks at the broadcasts of the last round. */
  readonly check?: (broadcasts: Ceremony['broadcasts']) => unknown;
}

/** A ceremony takes so many times as long in each step as a signature: every node seals and flushes records. */
export const ceremonySteps = 3;

/** Does the work of jobs. */
export class Work {
  readonly #modules: WorkModules;
  /** Keys for which new shares are being made. */
  readonly #renewing = new Set<string>();

  constructor(modules: WorkModules) {
    this.#modules = modules;
  }

  /**
   * Does what a request asks for.
   * @throws SymbolonError `coordinator/*`, and of the nodes.
   */
  run(job: Job, request: Request): Promise<JobDone> {
    switch (request.action) {
      case 'sign':
        return this.#sign(job, request);
      case 'key.create':
        return this.#create(job, request);
      case 'key.refresh':
      case 'key.reshare':
        return this.#renew(job, request);
      case 'pair':
      case 'pair.renew':
        return this.#pair(job, request);
      case 'presign':
        // Presignatures are the coordinator's own: a client that asks for them would fill the pools of all.
        throw new SymbolonError('coordinator/request-wrong', {
          reason: 'presignatures are made by themselves',
        });
    }
  }

  /**
   * The key of a renewal, as it must be before one begins.
   * @throws SymbolonError `coordinator/unknown-key`, `coordinator/key-changing`, `session/wrong-generation`,
   * `coordinator/request-wrong`.
   */
  renewable(request: RenewRequest): Key {
    const { activation, keys } = this.#modules;
    const key = keys.get(request.key);
    const holders = keys.renewing(key.id)?.nodes ?? key.nodes;
    const waiting = activation.waitingFor(key.id).filter((name) => holders.includes(name));
    if (key.state !== 'active' || waiting.length > 0 || this.#renewing.has(key.id)) {
      throw new SymbolonError('coordinator/key-changing', { key: key.id, waiting });
    }
    const { generation } = key.next ?? key;
    if (request.generation !== generation) {
      throw new SymbolonError('session/wrong-generation', {
        key: key.id,
        wanted: request.generation,
        got: generation,
      });
    }
    if (request.action === 'key.reshare') {
      const present = key.next ?? key;
      const strangers = request.dealers.filter((name) => !present.nodes.includes(name));
      if (strangers.length > 0 || request.dealers.length !== present.threshold) {
        throw new SymbolonError('coordinator/request-wrong', {
          reason: `the dealers must be exactly ${present.threshold} of its present holders`,
        });
      }
    }
    return key;
  }

  async #sign(job: Job, request: SignRequest): Promise<JobDone> {
    const { keys, nodes, pairings, pools, metrics, log, manifest, limits } = this.#modules;
    const key = keys.get(request.key);
    return this.#measured('sign', limits.signMs, 1, async (bounds) => {
      const result = await sign(
        {
          signed: job.request,
          request,
          requestHash: job.hash,
          manifest: manifest().hash,
          generations: () => generationsOf(keys.get(request.key)),
        },
        {
          ...this.#modules.sessions(),
          nodes,
          whyApart: (a, b) => pairings.whyApart(a, b),
          presignatures: pools,
          help: (_generation, names) => this.#help(request.key, names),
          pairingTrouble: (node) => {
            this.#modules.sessions().background(nodes.refresh(node));
          },
          onAttempt: (outcome, failure) => {
            metrics.session('sign', outcome === 'signed' ? 'done' : 'failed', failure?.node);
            if (failure !== undefined) {
              log('warn', 'session-failed', { id: job.id, ...failure });
            }
          },
        },
        bounds,
      );
      if (result.recovery !== undefined) {
        metrics.ecdsa(result.presigned);
        pools.used(key.id);
      }
      const { signature, participants, ms, rounds, failed, finish, presigned } = result;
      const body: SignatureBody = {
        id: job.id,
        status: 'done',
        key: key.id,
        scheme: key.scheme,
        signature: toHex(signature),
        recovery: result.recovery ?? null,
        publicKey: toHex(result.publicKey),
        path: pathText(result.path),
        presigned,
        participants: [...participants].sort(),
        ms,
        rounds,
        failed,
      };
      // A node that is told refuses the request from then on: a restart must find the signature in the store.
      return { result: body, kept: finish };
    });
  }

  /** Generations that were not known here, pairings that nodes lack, confirmations on their way: what can be waited for. */
  async #help(key: string, names: readonly string[]): Promise<void> {
    const { activation, keys, pairings } = this.#modules;
    activation.kick();
    await Promise.all([
      keys.adopt(),
      pairings.make(names),
      activation.has(key) ? within(activation.whenActive(key), this.#modules.limits.stepMs) : undefined,
    ]);
  }

  async #create(job: Job, request: KeyCreateRequest): Promise<JobDone> {
    const { nodes, keys, activation, manifest, now } = this.#modules;
    const plan = { generation: 0, holders: [], check: storedByAll };
    return this.#ceremony(job, request, plan, async (ceremony, ms) => {
      const { key, generation } = storedByAll(ceremony.broadcasts);
      const stored = await agreedKey(key, request, {
        ask: (name, id) => nodes.ask(name, id),
        manifest: manifest().manifest,
      });
      const { times: rounds, envelopes: confirmations } = ceremony;
      const result: Made = { key, rounds, ms: ms() };
      await keys.addPending(stored, keyActivate.encode({ key, confirmations: [...confirmations] }), {
        id: job.id,
        outcome: JSON.stringify(result),
        at: now(),
      });
      activation.add({ key, generation, renews: false, told: stored.nodes, confirmations });
      activation.kick();
      return { result };
    });
  }

  async #renew(job: Job, request: RenewRequest): Promise<JobDone> {
    const { keys, activation, now } = this.#modules;
    const before = this.renewable(request);
    this.#renewing.add(before.id);
    try {
      // Only nodes without a share can be left of the renewal before: they do not hold up this one.
      if (!(await activation.giveUpOnDeparted(before.id))) {
        throw new SymbolonError('coordinator/key-changing', {
          key: before.id,
          waiting: activation.waitingFor(before.id),
        });
      }
      const { id: key, nodes: holders, generation, threshold } = keys.get(before.id);
      const wanted = { key, generation: generation + 1 };
      const check = (broadcasts: Ceremony['broadcasts']): unknown => storedByAll(broadcasts, wanted);
      return await this.#ceremony(job, request, { generation, holders, check }, async (ceremony, ms) => {
        const next =
          request.action === 'key.reshare'
            ? { nodes: request.nodes, threshold: request.threshold }
            : { nodes: holders, threshold };
        // The holders of the next generation activate it; a dealer that leaves is told by them.
        const confirmations = ceremony.envelopes.filter(({ from }) => next.nodes.includes(from));
        const told = participantsOf(request, holders);
        const result: Made = { key, rounds: ceremony.times, ms: ms() };
        await keys.addRenewal(
          { ...wanted, ...next, confirmations: keyActivate.encode({ key, confirmations }), told },
          { id: job.id, outcome: JSON.stringify(result), at: now() },
        );
        activation.add({ ...wanted, renews: true, told, confirmations });
        activation.kick();
        return { result };
      });
    } finally {
      this.#renewing.delete(before.id);
    }
  }

  async #pair(job: Job, request: PairRequest): Promise<JobDone> {
    const { nodes, pairings, turn } = this.#modules;
    const shown = (rounds: readonly StepTime[], ms: number): JobDone => {
      const views = pairsOf(request.nodes).map(([a, b]) => pairBody(pairings.between(a, b)));
      return { result: { id: job.id, status: 'done', pairings: views, rounds, ms } satisfies PairBody };
    };
    return turn.run(() =>
      this.#ceremony(job, request, { generation: 0, holders: [] }, async ({ times }, ms) => {
        await Promise.all(request.nodes.map((name) => nodes.refresh(name)));
        return shown(times, ms());
      }),
    );
  }

  /** Runs the ceremony of a request, then `after` with what came out. */
  #ceremony(
    job: Job,
    request: CeremonyRequest & { readonly action: JobKind | 'pair.renew' },
    { generation, holders, check }: CeremonyPlan,
    after: (ceremony: Ceremony, ms: () => number) => Promise<JobDone>,
  ): Promise<JobDone> {
    const { nodes, manifest, metrics, limits } = this.#modules;
    const action: SessionAction = request.action === 'pair.renew' ? 'pair' : request.action;
    return this.#measured(action, limits.createMs, ceremonySteps, async (bounds) => {
      const started = performance.now();
      try {
        const ceremony = await runCeremony(
          {
            signed: job.request,
            requestHash: job.hash,
            participants: participantsOf(request, holders),
            manifest: manifest().hash,
            generation,
            rounds: roundsOf(request),
            concludes: concludes(request),
          },
          { ...this.#modules.sessions(), nodes },
          bounds,
          check,
        );
        const done = await after(ceremony, () => round1(performance.now() - started));
        metrics.session(action, 'done');
        return done;
      } catch (error) {
        metrics.session(action, 'failed');
        throw error;
      }
    });
  }

  async #measured<T>(
    action: SessionAction,
    totalMs: number,
    steps: number,
    work: (bounds: SessionLimits) => Promise<T>,
  ): Promise<T> {
    const { metrics, limits } = this.#modules;
    const started = performance.now();
    try {
      const result = await work({ stepMs: limits.stepMs * steps, deadline: started + totalMs });
      metrics.request(action, 'done', performance.now() - started);
      return result;
    } catch (error) {
      metrics.request(action, 'failed', performance.now() - started);
      throw error;
    }
  }
}
