/** The coordinator's HTTP API, as this machine's operator calls it: loopback, API key from its file, bounded answers. */
import { SymbolonError } from '../wire/errors/index.ts';
import type { Cluster } from './cluster/cluster.ts';
import { readSecret } from './cluster/files.ts';
import { portsFrom } from './cluster/layout.ts';

/** Longest accepted answer in bytes. */
const maxAnswer = 67_108_864;

/** A call to the coordinator. */
export interface ApiCall {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  /** Sent as `idempotency-key`: the same call with the same key has one effect. */
  readonly idempotencyKey?: string;
  readonly timeoutMs?: number;
}

/** Makes calls to the coordinator of a cluster folder. */
export class CoordinatorClient {
  readonly #base: string;
  readonly #dir: string;
  readonly #keyFile: string;

  constructor({ facts, paths }: Cluster) {
    this.#base = `http://127.0.0.1:${portsFrom(facts.port).coordinator}`;
    this.#dir = paths.root;
    this.#keyFile = paths.apiKey;
  }

  /** Address of the API, for people. */
  get url(): string {
    return this.#base;
  }

  /**
   * The JSON answer of a call.
   * @throws SymbolonError `cli/not-running`, `cli/coordinator-refused`, `cli/wrong-answer`.
   */
  async call({ method, path, body, idempotencyKey, timeoutMs = 60_000 }: ApiCall): Promise<unknown> {
    const key = readSecret(this.#keyFile, { atMost: 512 });
    let answer: Response;
    try {
      answer = await fetch(`${this.#base}${path}`, {
        method,
        headers: {
          // HTTP headers are text: this one string can't be wiped.
          authorization: `Bearer ${Buffer.from(key).toString('latin1').trim()}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
        redirect: 'error',
      });
    } catch (error) {
      const reason =
        error instanceof Error && error.name === 'TimeoutError'
          ? `no answer within ${timeoutMs} ms`
          : 'connection refused';
      throw new SymbolonError('cli/not-running', { dir: this.#dir, reason }, { cause: error });
    } finally {
      key.fill(0);
    }
    const value = await readAnswer(answer);
    if (!answer.ok) {
      throw refusal(answer.status, value);
    }
    return value;
  }
}

async function readAnswer(answer: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    const bytes = chunk as Uint8Array;
    size += bytes.length;
    if (size > maxAnswer) {
      throw new SymbolonError('cli/wrong-answer', { reason: `more than ${maxAnswer} bytes` });
    }
    chunks.push(bytes);
  }
  if (size === 0) {
    return undefined;
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new SymbolonError('cli/wrong-answer', { reason: 'not JSON' }, { cause: error });
  }
}

function refusal(status: number, value: unknown): SymbolonError<'cli/coordinator-refused'> {
  const problem = new Answer(value);
  const plain = (text: string | undefined): string =>
    (text ?? '').replace(/[^\x20-\x7e]/g, '?').slice(0, 2_048);
  return new SymbolonError('cli/coordinator-refused', {
    code: plain(problem.optionalText('code')) || `http/${status}`,
    detail: plain(problem.optionalText('detail')),
    todo: plain(problem.optionalText('todo')),
  });
}

/** Reads fields of a JSON answer; a field of another type is `cli/wrong-answer`. */
export class Answer {
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #at: string;

  constructor(value: unknown, at = 'answer') {
    this.#value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
    this.#at = at;
  }

  /** The field as text. */
  text(name: string): string {
    return this.optionalText(name) ?? this.#wrong(name);
  }

  /** The field as text, or `undefined` where it is absent or null. */
  optionalText(name: string): string | undefined {
    const value = this.#value[name] ?? undefined;
    return value === undefined || typeof value === 'string' ? value : this.#wrong(name);
  }

  /** The field as a whole number. */
  integer(name: string): number {
    return this.optionalInteger(name) ?? this.#wrong(name);
  }

  /** The field as a whole number, or `undefined` where it is absent or null. */
  optionalInteger(name: string): number | undefined {
    const value = this.#value[name] ?? undefined;
    return value === undefined || (typeof value === 'number' && Number.isSafeInteger(value))
      ? value
      : this.#wrong(name);
  }

  /** The field as a number that may have a fraction. */
  number(name: string): number {
    return this.optionalNumber(name) ?? this.#wrong(name);
  }

  /** The field as a number that may have a fraction, or `undefined` where it is absent or null. */
  optionalNumber(name: string): number | undefined {
    const value = this.#value[name] ?? undefined;
    return value === undefined || (typeof value === 'number' && Number.isFinite(value))
      ? value
      : this.#wrong(name);
  }

  /** The field as true or false. */
  bool(name: string): boolean {
    const value = this.#value[name];
    return typeof value === 'boolean' ? value : this.#wrong(name);
  }

  /** The field as a list of objects. */
  list(name: string): Answer[] {
    const value = this.#value[name];
    return Array.isArray(value)
      ? value.map((one: unknown, i) => new Answer(one, `${this.#at}.${name}[${i}]`))
      : this.#wrong(name);
  }

  /** The field as a list of texts. */
  texts(name: string): string[] {
    const value = this.#value[name];
    return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : this.#wrong(name);
  }

  /** The field as an object of texts. */
  textsByName(name: string): Readonly<Record<string, string>> {
    const value: unknown = this.#value[name];
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : this.#wrong(name);
    return Object.fromEntries(
      entries.map(([key, one]: [string, unknown]) => [
        key,
        typeof one === 'string' ? one : this.#wrong(name),
      ]),
    );
  }

  /** The field as an object, or `undefined` where it is absent or null. */
  optionalObject(name: string): Answer | undefined {
    const value = this.#value[name] ?? undefined;
    return value === undefined ? undefined : new Answer(value, `${this.#at}.${name}`);
  }

  /** The value as it came. */
  get raw(): unknown {
    return this.#value;
  }

  #wrong(name: string): never {
    throw new SymbolonError('cli/wrong-answer', { reason: `${this.#at}.${name}` });
  }
}
