/**
 * Phases of the node and its calls, as data: which phase may follow which, and which call is answered in which phase,
 * for whom, and with how large a body. The server reads nothing else.
 */
import { SymbolonError } from '../wire/errors/index.ts';
import { maxManifest, maxNodeBody } from '../wire/limits.ts';
import type { Action } from '../wire/messages/manifest.ts';
import { evidenceAsk, phases, presignatureAsk, type Phase } from '../wire/messages/node.ts';
import { keyActivate, keyAsk, sessionAttest, sessionFinish, sessionOpen } from '../wire/messages/session.ts';

/**
 * The phases that may follow. A node leaves `frozen` only by being started again: what froze it needs a person.
 * `unlocking` falls back to `sealed` when the token goes away while records are opened.
 */
export const transitions: Readonly<Record<Phase, readonly Phase[]>> = {
  sealed: ['unlocking', 'frozen'],
  unlocking: ['ready', 'sealed', 'frozen'],
  ready: ['frozen'],
  frozen: [],
};

/** Who may make a call: anyone, or a client of the manifest that may do the named action. */
export type Caller = 'public' | Extract<Action, 'relay' | 'status'>;

/** One call of the node's API. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly who: Caller;
  /** Phases in which the call is answered; in others it is `node/wrong-phase`. */
  readonly phases: readonly Phase[];
  /** Longest body in bytes; 0 where the call has none. */
  readonly maxBody: number;
}

const ready = ['ready'] as const;

/** Every call. A name here has exactly one handler in calls.ts. */
export const routes = {
  health: { method: 'GET', path: '/v1/health', who: 'public', phases, maxBody: 0 },
  evidence: { method: 'POST', path: '/v1/evidence', who: 'public', phases, maxBody: evidenceAsk.maxBytes },
  status: { method: 'GET', path: '/v1/status', who: 'status', phases, maxBody: 0 },
  keys: { method: 'GET', path: '/v1/keys', who: 'status', phases: ready, maxBody: 0 },
  manifest: { method: 'GET', path: '/v1/manifest', who: 'status', phases, maxBody: 0 },
  putManifest: {
    method: 'PUT',
    path: '/v1/manifest',
    who: 'relay',
    phases: ['sealed', 'unlocking', 'ready'],
    maxBody: maxManifest + 4_096,
  },
  open: {
    method: 'POST',
    path: '/v1/sessions/open',
    who: 'relay',
    phases: ready,
    maxBody: sessionOpen.maxBytes,
  },
  attest: {
    method: 'POST',
    path: '/v1/sessions/attest',
    who: 'relay',
    phases: ready,
    maxBody: sessionAttest.maxBytes,
  },
  round: { method: 'POST', path: '/v1/sessions/round', who: 'relay', phases: ready, maxBody: maxNodeBody },
  finish: {
    method: 'POST',
    path: '/v1/sessions/finish',
    who: 'relay',
    phases: ready,
    maxBody: sessionFinish.maxBytes,
  },
  activate: {
    method: 'POST',
    path: '/v1/keys/activate',
    who: 'relay',
    phases: ready,
    maxBody: keyActivate.maxBytes,
  },
  confirmations: {
    method: 'POST',
    path: '/v1/keys/confirmations',
    who: 'relay',
    phases: ready,
    maxBody: keyAsk.maxBytes,
  },
  presignatures: {
    method: 'POST',
    path: '/v1/presignatures',
    who: 'relay',
    phases: ready,
    maxBody: presignatureAsk.maxBytes,
  },
} as const satisfies Readonly<Record<string, Route>>;
/** Name of a call. */
export type RouteName = keyof typeof routes;

/** Why a node is in its phase: a code of the catalogue and its sentence. */
export interface PhaseReason {
  readonly code: string;
  readonly detail: string;
}

/** The phase that a node is in, and why. */
export interface PhaseView {
  readonly phase: Phase;
  readonly reason: PhaseReason | undefined;
}

/** Holds the phase of one node. */
export class PhaseHolder implements PhaseView {
  #phase: Phase = 'sealed';
  #reason: PhaseReason | undefined;
  readonly #entered: (view: PhaseView) => void;

  /** @param entered - told after each change. */
  constructor(entered: (view: PhaseView) => void = () => undefined) {
    this.#entered = entered;
  }

  /** The phase now. */
  get phase(): Phase {
    return this.#phase;
  }

  /** Why the node is not ready; `undefined` where it is, or where nothing went wrong so far. */
  get reason(): PhaseReason | undefined {
    return this.#reason;
  }

  /** Goes to `next`. A change that {@link transitions} does not name is a mistake of the program: TypeError. */
  enter(next: Phase, reason?: SymbolonError): void {
    if (!transitions[this.#phase].includes(next)) {
      throw new TypeError(`no way from phase ${this.#phase} to ${next}`);
    }
    this.#phase = next;
    this.#setReason(reason);
    this.#entered(this);
  }

  /** Says why the node stays in the phase that it is in. */
  stay(reason: SymbolonError): void {
    this.#setReason(reason);
    this.#entered(this);
  }

  /** @throws SymbolonError `node/wrong-phase` where `wanted` does not name the phase. */
  require(wanted: readonly Phase[]): void {
    if (!wanted.includes(this.#phase)) {
      throw new SymbolonError('node/wrong-phase', { phase: this.#phase, wanted });
    }
  }

  #setReason(reason: SymbolonError | undefined): void {
    this.#reason =
      reason === undefined ? undefined : { code: reason.code, detail: reason.message.slice(0, 1_024) };
  }
}
