import { facts, type Entry } from './catalogue.ts';

/** Refusals of the protocols. `party` is the participant's index; the node that runs the session adds its name. */
export const thresholdErrors = {
  'threshold/bad-parameters': {
    http: 400,
    what: 'The parameters of the protocol run do not make sense together.',
    todo: 'Check threshold, participants and scheme of the request.',
    facts: facts<{ reason: string }>(),
  },
} as const satisfies Record<string, Entry>;
