/** How a catalogue error crosses a process border: its code and facts, nothing else (no cause, no stack). */
import {
  catalogue,
  isSymbolonError,
  SymbolonError,
  type ErrorCode,
  type FactsOf,
  type Fact,
} from '../wire/errors/index.ts';
import { bool, list, optional, record, text, uint, type TypeOf } from '../wire/shape.ts';

/** One fact: exactly one of the typed fields is there. */
const factShape = record({
  name: text(32, /^[a-zA-Z]+$/),
  text: optional(text(1_024)),
  number: optional(uint()),
  flag: optional(bool),
  texts: optional(list(text(256), 32)),
});
/** Shape of a {@link Problem}. */
export const problemShape = record({
  code: text(64, /^(?:hsm|wire|native)\/[a-z0-9-]+$/),
  facts: list(factShape, 8),
});
/** An error on its way to another process. */
export type Problem = TypeOf<typeof problemShape>;

/** The code and facts of an error; an error outside the catalogue becomes `hsm/unavailable` without its text (T33). */
export function toProblem(error: unknown): Problem {
  if (!isSymbolonError(error) || !/^(?:hsm|wire|native)\//.test(error.code)) {
    return toProblem(new SymbolonError('hsm/unavailable', { reason: 'unexpected error in the HSM process' }));
  }
  const given: Readonly<Record<string, Fact>> = error.facts;
  return {
    code: error.code,
    facts: Object.entries(given).map(([name, value]) => {
      if (typeof value === 'string') {
        return { name, text: value === '' ? ' ' : value.slice(0, 1_024) };
      }
      if (typeof value === 'number') {
        return { name, number: value };
      }
      return typeof value === 'boolean'
        ? { name, flag: value }
        : { name, texts: value.slice(0, 32).map((one) => one.slice(0, 256)) };
    }),
  };
}

/** The error that a {@link Problem} describes; a code that this build does not know becomes `hsm/unavailable`. */
export function fromProblem(problem: Problem): SymbolonError {
  if (!Object.hasOwn(catalogue, problem.code)) {
    return new SymbolonError('hsm/unavailable', { reason: `unknown refusal ${problem.code}` });
  }
  const facts = Object.fromEntries(
    problem.facts.map((fact) => [fact.name, fact.text ?? fact.number ?? fact.flag ?? fact.texts ?? '']),
  );
  // The shape bounds every fact; which facts a code carries is the sender's word, and only people read them.
  return new SymbolonError(problem.code as ErrorCode, facts as FactsOf<ErrorCode>);
}
