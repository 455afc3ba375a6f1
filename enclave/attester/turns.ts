/** A device that answers one request at a time: its callers take turns, and each waits no longer than its deadline (T35). */
import { isSymbolonError, SymbolonError } from '../../wire/errors/index.ts';

/** The turns at one device. */
export class Turns {
  readonly #device: string;
  readonly #ms: number;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @param device - name or address of the device, for errors.
   * @param ms - longest wait of a caller in milliseconds, those before it included.
   */
  constructor(device: string, ms: number) {
    this.#device = device;
    this.#ms = ms;
  }

  /**
   * Runs `work` when all before it are over, whether they went well or not. A caller whose time is over meanwhile does
   * not get its turn any more: nobody would read the answer.
   * @param request - what is asked, for errors.
   * @throws SymbolonError `attester/timeout`, `attester/no-device`, `attester/device-failed`, and what `work` throws of the boundary `attester`.
   */
  take<T>(request: string, work: () => Promise<T>): Promise<T> {
    const late = new SymbolonError('attester/timeout', { device: this.#device, request, ms: this.#ms });
    let isOver = false;
    const turn = this.#last.then(() => (isOver ? Promise.reject(late) : work()));
    this.#last = turn.catch(() => undefined);
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        isOver = true;
        reject(late);
      }, this.#ms);
      turn.then(resolve, (error: unknown) => {
        reject(this.#ofBoundary(request, error));
      });
      turn
        .catch(() => undefined)
        .finally(() => {
          clearTimeout(timer);
        });
    });
  }

  /** Refusals of the layers below become one of this boundary; a defect of the program stays one. */
  #ofBoundary(request: string, error: unknown): Error {
    if (isSymbolonError(error, 'tpm/unavailable')) {
      // The link gives a command up after the same time: whichever of the two clocks is first, it is one refusal.
      if (error.facts.reason === 'no answer in time') {
        return new SymbolonError(
          'attester/timeout',
          { device: this.#device, request, ms: this.#ms },
          { cause: error },
        );
      }
      const facts = { platform: 'tpm2', device: this.#device, reason: error.facts.reason };
      return new SymbolonError('attester/no-device', facts, { cause: error });
    }
    if (isSymbolonError(error) && !error.code.startsWith('attester/')) {
      const facts = { device: this.#device, request, reason: error.message };
      return new SymbolonError('attester/device-failed', facts, { cause: error });
    }
    return error instanceof Error ? error : new Error('not an error', { cause: error });
  }
}
