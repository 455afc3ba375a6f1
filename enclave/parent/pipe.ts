/**
 * One direction of a relayed connection: bytes from one socket to another, in pieces of at most 16 KiB, one write at a
 * time, and no reading while a write is under way. So a slow receiver slows its sender, memory stays bounded by what one
 * read brings (64 KiB in libuv), and a vsock socket fits in behind, which loses large writes.
 */
import type { Socket } from 'node:net';
import { chunkBytes } from './limits.ts';

/** What a pipe tells the connection it belongs to. */
export interface PipeEvents {
  /** Called before a piece is handed on, with its size; false stops the pipe for good. */
  readonly admit: (size: number) => boolean;
  /** Called after a piece was taken by the receiver. */
  readonly delivered: () => void;
  /** Called once, after the source ended and its last byte was taken by the receiver. */
  readonly ended: () => void;
}

/** Starts one direction. It ends with its sockets. */
export function pipe(source: Socket, target: Socket, events: PipeEvents): void {
  let writing = false;
  let sourceEnded = false;
  const finish = (): void => {
    if (sourceEnded && !writing && !target.destroyed) {
      events.ended();
    }
  };
  const write = (data: Buffer, start: number): void => {
    if (start >= data.length) {
      writing = false;
      source.resume();
      finish();
      return;
    }
    const piece = data.subarray(start, start + chunkBytes);
    if (target.destroyed || !events.admit(piece.length)) {
      return;
    }
    target.write(piece, (error) => {
      // A failed write destroys the target, whose `close` ends the connection.
      if (error === undefined || error === null) {
        events.delivered();
        write(data, start + piece.length);
      }
    });
  };
  source.on('data', (data: Buffer) => {
    writing = true;
    source.pause();
    write(data, 0);
  });
  source.once('end', () => {
    sourceEnded = true;
    finish();
  });
  // The source was paused until its other end was there.
  source.resume();
}
