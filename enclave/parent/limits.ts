/** What the relay allows, and its defaults. docs and the configuration use the same names. */

/** Limits of the relay. Times in milliseconds, sizes in bytes. */
export interface RelayLimits {
  /** Connections at once; one more is closed at once. */
  readonly maxConnections: number;
  /** Connections at once from one IPv4 address or IPv6 /64, so that one machine can't take all of them. */
  readonly maxPerSource: number;
  /** Bytes that one connection may send to the node over its whole life. */
  readonly maxBytesUp: number;
  /** Bytes that the node may send back on one connection over its whole life. */
  readonly maxBytesDown: number;
  /** Time for the connection to the node. */
  readonly connectMs: number;
  /** Time until the first byte of the client: a connection that says nothing holds no place for long. */
  readonly firstByteMs: number;
  /** Time without a byte delivered in either direction. A receiver that does not read is idle too. */
  readonly idleMs: number;
  /** Life of a connection. */
  readonly totalMs: number;
  /** Time that the other direction has after one side ended. */
  readonly lingerMs: number;
}

/** A limit's smallest, default and largest value. */
export const limitRanges: Readonly<Record<keyof RelayLimits, readonly [number, number, number]>> = {
  maxConnections: [1, 256, 65_536],
  maxPerSource: [1, 128, 65_536],
  maxBytesUp: [1_024, 268_435_456, Number.MAX_SAFE_INTEGER],
  maxBytesDown: [1_024, 268_435_456, Number.MAX_SAFE_INTEGER],
  connectMs: [10, 2_000, 60_000],
  firstByteMs: [10, 5_000, 600_000],
  idleMs: [10, 60_000, 3_600_000],
  totalMs: [10, 3_600_000, 86_400_000],
  lingerMs: [0, 1_000, 60_000],
};

/** Bytes that are handed on at once. A vsock write has to fit one descriptor: 16 KiB pass, above 32 KiB are lost. */
export const chunkBytes = 16_384;

/** The default limits. */
export const defaultLimits: RelayLimits = {
  maxConnections: limitRanges.maxConnections[1],
  maxPerSource: limitRanges.maxPerSource[1],
  maxBytesUp: limitRanges.maxBytesUp[1],
  maxBytesDown: limitRanges.maxBytesDown[1],
  connectMs: limitRanges.connectMs[1],
  firstByteMs: limitRanges.firstByteMs[1],
  idleMs: limitRanges.idleMs[1],
  totalMs: limitRanges.totalMs[1],
  lingerMs: limitRanges.lingerMs[1],
};
