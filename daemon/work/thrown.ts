/** Errors on their way between threads. Structured clone would drop their class, and carry texts that may quote a secret. */
import {
  catalogue,
  isSymbolonError,
  SymbolonError,
  type ErrorCode,
  type Fact,
  type FactsOf,
} from '../../wire/errors/index.ts';

/** An error of the catalogue as data. */
export interface Refused {
  readonly kind: 'refused';
  readonly code: ErrorCode;
  readonly facts: Readonly<Record<string, Fact>>;
}
/** A mistake of the program as data: the class and the stack frames, never the message. */
export interface Mistake {
  readonly kind: 'mistake';
  readonly name: string;
  readonly frames: readonly string[];
}
/** An error as data. */
export type Thrown = Refused | Mistake;

/** What is said in place of the message of an unknown error. */
const withheld = 'an error in a worker thread';
const maxFrames = 6;

/** An error of the catalogue as data. */
export const refusedOf = ({ code, facts }: SymbolonError): Refused => ({ kind: 'refused', code, facts });

/** Any error as data. */
export function thrownOf(error: unknown): Thrown {
  if (isSymbolonError(error)) {
    return refusedOf(error);
  }
  if (!(error instanceof Error)) {
    return { kind: 'mistake', name: typeof error, frames: [] };
  }
  const stack = error.stack ?? '';
  // The stack begins with the message, which may itself hold lines that look like frames.
  const behind = stack.slice(Math.max(0, stack.indexOf(error.message) + error.message.length));
  const frames = behind.split('\n').filter((line) => /^\s+at /.test(line));
  return { kind: 'mistake', name: error.name, frames: frames.slice(0, maxFrames) };
}

/** The error made of the data again. The facts went with their code: they are what its entry in the catalogue says. */
export function symbolonErrorOf({ code, facts }: Refused): SymbolonError {
  if (!Object.hasOwn(catalogue, code)) {
    throw new TypeError('a code that the catalogue does not have');
  }
  return new SymbolonError(code, facts as FactsOf<ErrorCode>);
}

/** The error made of the data again; an unknown one keeps its class and its place. */
export function errorOf(thrown: Thrown): Error {
  if (thrown.kind === 'refused') {
    return symbolonErrorOf(thrown);
  }
  const error = new Error(withheld);
  error.name = thrown.name;
  error.stack = `${thrown.name}: ${withheld}\n${thrown.frames.join('\n')}`;
  return error;
}
