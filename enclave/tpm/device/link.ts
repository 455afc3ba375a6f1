/**
 * One user of a TPM at a time, one command at a time: turns wait for each other, a command has a deadline, and is sent again
 * where the TPM asks for it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SymbolonError } from '../../../wire/errors/index.ts';
import { tpmAddressText, type TpmAddress } from './address.ts';
import { isTryAgain, refusalOf, responseName, structureTag, type CommandName } from './codes.ts';
import { headerBytes, openTransport, type TpmTransport } from './transport.ts';

/** Sends a whole command; gives what follows the header of a successful response, and whether sessions answer in it. */
export type Ask = (
  command: CommandName,
  bytes: Uint8Array,
) => Promise<{ readonly sessions: boolean; readonly body: Uint8Array }>;

/** What a link needs. */
export interface LinkOptions {
  readonly address: TpmAddress;
  /** Longest time for one command, its repeats included, in milliseconds. */
  readonly timeoutMs: number;
  /** Opens the way, until the signal says that nobody waits any more; for tests that listen or change bytes. */
  readonly open?: (address: TpmAddress, signal: AbortSignal) => Promise<TpmTransport>;
}

/** Waits between repeats, in milliseconds: doubled each time. */
const firstPauseMs = 5;
const longestPauseMs = 500;

/** The queue before a TPM. */
export class TpmLink {
  readonly #options: LinkOptions;
  #last: Promise<unknown> = Promise.resolve();
  #transport: TpmTransport | undefined;
  #closed = false;
  /** Whether a device still has a command that nobody waits for any more. */
  #hangs = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /**
   * Runs `work` alone, after all that was asked for before it.
   * @throws what `work` throws; SymbolonError `tpm/unavailable`.
   */
  turn<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    const mine = this.#last.then(async () => {
      try {
        return await work((command, bytes) => this.#ask(command, bytes));
      } finally {
        // An emulator serves one connection at a time and has no resource manager: it is given back between turns.
        if (this.#options.address.kind !== 'device') {
          this.#drop();
        }
      }
    });
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  /** Ends the link after the turns that wait; later ones fail. */
  async close(): Promise<void> {
    await this.turn(() => {
      this.#closed = true;
      return Promise.resolve();
    });
    this.#drop();
  }

  async #ask(command: CommandName, bytes: Uint8Array): ReturnType<Ask> {
    const deadline = performance.now() + this.#options.timeoutMs;
    for (let pause = firstPauseMs; ; pause = Math.min(pause * 2, longestPauseMs)) {
      const response = await this.#exchange(bytes, deadline);
      const view = new DataView(response.buffer);
      const tag = view.getUint16(0);
      const rc = view.getUint32(6);
      if (rc === 0 && (tag === structureTag.noSessions || tag === structureTag.sessions)) {
        const body = response.slice(headerBytes);
        response.fill(0);
        return { sessions: tag === structureTag.sessions, body };
      }
      if (!isTryAgain(rc)) {
        throw rc === 0 ? this.#unavailable('not a response of a TPM') : refusalOf(command, rc);
      }
      if (performance.now() + pause >= deadline) {
        throw new SymbolonError('tpm/busy', { command, name: responseName(rc) });
      }
      await sleep(pause);
    }
  }

  async #exchange(bytes: Uint8Array, deadline: number): Promise<Uint8Array> {
    if (this.#closed) {
      throw this.#unavailable('closed');
    }
    // Each call into a device that hangs keeps a thread of the few that all files share; one is lent, and no more.
    if (this.#hangs) {
      throw this.#unavailable('an earlier command hangs in the device');
    }
    let timer: NodeJS.Timeout | undefined;
    const over = new AbortController();
    const late = new Promise<never>((_, fail) => {
      timer = setTimeout(
        () => {
          this.#hangs = this.#options.address.kind === 'device';
          fail(this.#unavailable('no answer in time'));
        },
        Math.max(deadline - performance.now(), 1),
      );
    });
    const asked = this.#send(bytes, over.signal);
    try {
      return await Promise.race([asked, late]);
    } catch (error) {
      // A late answer must not be taken for that of the next command: the way ends with the call.
      over.abort();
      void asked
        .then(
          (response) => response.fill(0),
          () => undefined,
        )
        .then(() => {
          this.#hangs = false;
        });
      this.#drop();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #send(bytes: Uint8Array, over: AbortSignal): Promise<Uint8Array> {
    const { address, open = openTransport } = this.#options;
    if (this.#transport === undefined) {
      const transport = await open(address, over);
      // The way was there only after the call was given up: nobody would close it, and an emulator serves one at a time.
      if (over.aborted) {
        transport.close().catch(() => undefined);
        throw this.#unavailable('no answer in time');
      }
      this.#transport = transport;
    }
    return await this.#transport.exchange(bytes);
  }

  #drop(): void {
    const transport = this.#transport;
    this.#transport = undefined;
    // A device that hangs can't be closed before it answers; nobody waits for that.
    transport?.close().catch(() => undefined);
  }

  #unavailable(reason: string): SymbolonError<'tpm/unavailable'> {
    return new SymbolonError('tpm/unavailable', { address: tpmAddressText(this.#options.address), reason });
  }
}
