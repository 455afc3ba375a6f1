/**
 * The way to a TPM: one command in, its response out. A transport that failed stays failed; whoever wants to go on
 * opens another one, to the same address.
 */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { SymbolonError } from '../../../wire/errors/index.ts';
import { tpmAddressText, type TpmAddress } from './address.ts';

/** Bytes of the largest command and response that we send and take (TPM_PT_MAX_COMMAND_SIZE of PC Client TPMs). */
export const maxTpmBytes = 4096;
/** Tag, size and code. */
export const headerBytes = 10;

/** One way to one TPM; one command at a time. */
export interface TpmTransport {
  /**
   * Sends a command and gives the response, which the caller owns. The caller leaves the command alone until then.
   * @throws SymbolonError `tpm/unavailable`; the transport is of no use any more.
   */
  exchange(command: Uint8Array): Promise<Uint8Array>;
  /** Ends it; a waiting exchange fails. */
  close(): Promise<void>;
}

/**
 * Opens the way to the TPM at `address`. An emulator whose queue is full is waited for until `over` is aborted, where it is given.
 * @throws SymbolonError `tpm/unavailable`.
 */
export function openTransport(address: TpmAddress, over?: AbortSignal): Promise<TpmTransport> {
  const unavailable = (reason: string, cause?: unknown): SymbolonError<'tpm/unavailable'> =>
    new SymbolonError('tpm/unavailable', { address: tpmAddressText(address), reason }, { cause });
  return address.kind === 'device'
    ? DeviceTransport.open(address.path, unavailable)
    : SocketTransport.open(address, unavailable, over);
}

type Unavailable = (reason: string, cause?: unknown) => SymbolonError<'tpm/unavailable'>;

/** Size of a whole response, from its header; `undefined` where no TPM would say so. */
function sizeOf(header: Uint8Array): number | undefined {
  const size = new DataView(header.buffer, header.byteOffset, header.byteLength).getUint32(2);
  return size >= headerBytes && size <= maxTpmBytes ? size : undefined;
}

/**
 * /dev/tpmrm0: a write is a command, a read its response, whole. Both block a thread of libuv's pool until the device answers;
 * closing waits for them and ends neither. Whoever gave an exchange up opens no other way until it has settled.
 */
class DeviceTransport implements TpmTransport {
  readonly #file: FileHandle;
  readonly #unavailable: Unavailable;

  static async open(path: string, unavailable: Unavailable): Promise<TpmTransport> {
    let file: FileHandle;
    try {
      // Without O_NOCTTY and without creating anything: the path must be there, and be a device.
      file = await open(path, constants.O_RDWR | constants.O_NOCTTY);
    } catch (cause) {
      throw unavailable('the device can not be opened', cause);
    }
    if (!(await file.stat()).isCharacterDevice()) {
      await file.close();
      throw unavailable('not a character device');
    }
    return new DeviceTransport(file, unavailable);
  }

  private constructor(file: FileHandle, unavailable: Unavailable) {
    this.#file = file;
    this.#unavailable = unavailable;
  }

  async exchange(command: Uint8Array): Promise<Uint8Array> {
    const buffer = new Uint8Array(maxTpmBytes);
    try {
      const { bytesWritten } = await this.#file.write(command, 0, command.length, null);
      if (bytesWritten !== command.length) {
        throw this.#unavailable('the device took a part of a command');
      }
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, null);
      if (bytesRead < headerBytes || sizeOf(buffer) !== bytesRead) {
        throw this.#unavailable('the device gave no whole response');
      }
      return buffer.slice(0, bytesRead);
    } catch (cause) {
      throw cause instanceof SymbolonError ? cause : this.#unavailable('the device failed', cause);
    } finally {
      buffer.fill(0);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Wait before another try where the queue of an emulator is full, in milliseconds. */
const queuePauseMs = 5;

function connected(address: Exclude<TpmAddress, { kind: 'device' }>): Promise<Socket> {
  return new Promise((done, fail) => {
    const place =
      address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port };
    const socket = connect({ ...place, noDelay: true });
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.off('error', fail);
      done(socket);
    });
  });
}

/** An emulator's socket: a stream, cut into responses by their headers. */
class SocketTransport implements TpmTransport {
  readonly #socket: Socket;
  readonly #unavailable: Unavailable;
  #chunks: Uint8Array[] = [];
  #waiting:
    { readonly done: (response: Uint8Array) => void; readonly fail: (error: unknown) => void } | undefined;
  #end: SymbolonError | undefined;

  static async open(
    address: Exclude<TpmAddress, { kind: 'device' }>,
    unavailable: Unavailable,
    over: AbortSignal | undefined,
  ): Promise<TpmTransport> {
    for (;;) {
      try {
        return new SocketTransport(await connected(address), unavailable);
      } catch (cause) {
        // connect(2): EAGAIN is a full queue of a unix socket; swtpm's has room for one.
        const full = cause instanceof Error && 'code' in cause && cause.code === 'EAGAIN';
        if (!full || over?.aborted !== false) {
          throw unavailable('no connection', cause);
        }
        await sleep(queuePauseMs);
      }
    }
  }

  private constructor(socket: Socket, unavailable: Unavailable) {
    this.#socket = socket;
    this.#unavailable = unavailable;
    socket.on('data', (chunk) => {
      this.#data(chunk);
    });
    socket.on('error', (cause) => {
      this.#fail(unavailable('connection lost', cause));
    });
    socket.once('close', () => {
      this.#fail(unavailable('connection lost'));
    });
  }

  exchange(command: Uint8Array): Promise<Uint8Array> {
    return new Promise((done, fail) => {
      if (this.#end !== undefined) {
        fail(this.#end);
        return;
      }
      this.#waiting = { done, fail };
      this.#socket.write(command);
    });
  }

  close(): Promise<void> {
    this.#fail(this.#unavailable('closed'));
    return Promise.resolve();
  }

  #data(chunk: Uint8Array): void {
    if (this.#waiting === undefined) {
      this.#fail(this.#unavailable('a response to nothing'));
      return;
    }
    this.#chunks.push(chunk);
    const all = Buffer.concat(this.#chunks);
    try {
      const size = all.length < headerBytes ? maxTpmBytes : sizeOf(all);
      if (size === undefined || all.length > size) {
        this.#fail(this.#unavailable('not a response of a TPM'));
      } else if (all.length === size) {
        const { done } = this.#waiting;
        this.#waiting = undefined;
        this.#wipe();
        done(new Uint8Array(all));
      }
    } finally {
      all.fill(0);
    }
  }

  #fail(error: SymbolonError): void {
    this.#end ??= error;
    this.#socket.destroy();
    this.#wipe();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.fail(this.#end);
  }

  #wipe(): void {
    for (const chunk of this.#chunks) {
      chunk.fill(0);
    }
    this.#chunks = [];
  }
}
