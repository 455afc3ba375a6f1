/**
 * Configuration of the parent proxy: strict JSON `{listen, node, control, limits?}`. Unknown and repeated fields are
 * refused, so that a misspelt limit is never silently the default.
 */
import { readFileSync, statSync } from 'node:fs';
import { SymbolonError } from '../../wire/errors/index.ts';
import { optional, record, text, uint, type Shape } from '../../wire/shape.ts';
import { parseJsonValue } from '../../wire/strictJson.ts';
import { errnoOf, parseAddress, type Address } from '../address/index.ts';
import { limitRanges, type RelayLimits } from './limits.ts';

/** The checked configuration. */
export interface ParentConfig {
  /** Where the coordinator reaches the node. Any host. */
  readonly listen: Address;
  /** The node's own listener. */
  readonly node: Address;
  /** Health and metrics. Loopback or a unix socket only. */
  readonly control: Address;
  readonly limits: Partial<RelayLimits>;
}

const maxConfigBytes = 16_384;
const maxJsonDepth = 4;

const bad = (reason: string, cause?: unknown): SymbolonError =>
  new SymbolonError('channel/bad-config', { reason }, cause === undefined ? {} : { cause });

const limit = (name: keyof RelayLimits): Shape<number> => {
  const [min, , max] = limitRanges[name];
  return uint(max, min);
};
const limitsShape = record({
  maxConnections: optional(limit('maxConnections')),
  maxPerSource: optional(limit('maxPerSource')),
  maxBytesUp: optional(limit('maxBytesUp')),
  maxBytesDown: optional(limit('maxBytesDown')),
  connectMs: optional(limit('connectMs')),
  firstByteMs: optional(limit('firstByteMs')),
  idleMs: optional(limit('idleMs')),
  totalMs: optional(limit('totalMs')),
  lingerMs: optional(limit('lingerMs')),
});
const configShape = record({
  listen: text(280),
  node: text(280),
  control: text(280),
  limits: optional(limitsShape),
});

/**
 * Reads and checks a configuration file of at most 16 KiB.
 * @throws SymbolonError `channel/bad-config`, `wire/oversize`, `wire/unexpected-shape`, `channel/bad-address`.
 */
export function readParentConfig(file: string): ParentConfig {
  let raw: Buffer;
  try {
    const { size } = statSync(file);
    if (size > maxConfigBytes) {
      throw new SymbolonError('wire/oversize', { what: 'parent config', size, limit: maxConfigBytes });
    }
    raw = readFileSync(file);
  } catch (error) {
    throw error instanceof SymbolonError ? error : bad(`the file can't be read: ${errnoOf(error)}`, error);
  }
  return parseParentConfig(raw);
}

/** Checks the bytes of a configuration. Throws as {@link readParentConfig}. */
export function parseParentConfig(raw: Uint8Array): ParentConfig {
  if (raw.length > maxConfigBytes) {
    throw new SymbolonError('wire/oversize', {
      what: 'parent config',
      size: raw.length,
      limit: maxConfigBytes,
    });
  }
  const json = parseJsonValue(raw, maxJsonDepth);
  if (!json.ok) {
    throw bad(json.reason);
  }
  const { listen, node, control, limits } = configShape.check(json.value, 'config');
  const parsed: ParentConfig = {
    listen: parseAddress(listen, { remote: true }),
    node: parseAddress(node),
    control: parseAddress(control),
    limits: limits ?? {},
  };
  // Port 0 is a different free port each time.
  const fixed = [listen, node, control].filter((address) => !address.endsWith(':0'));
  if (new Set(fixed).size !== fixed.length) {
    throw bad('listen, node and control must be three different addresses');
  }
  return parsed;
}
