/** Strict JSON for bodies and files (wire/strictJson.ts) under the coordinator's own refusal. */
import { SymbolonError } from '../wire/errors/index.ts';
import { defaultJsonDepth, parseStrictJson as parse } from '../wire/strictJson.ts';

/** Deepest nesting of arrays and objects. */
export const maxJsonDepth = defaultJsonDepth;

/**
 * Parses a JSON text that was already bounded in size.
 * @param where - names the place for the error.
 * @throws SymbolonError `coordinator/bad-request`.
 */
export function parseStrictJson(text: string, where: string): unknown {
  const parsed = parse(text);
  if (!parsed.ok) {
    throw new SymbolonError('coordinator/bad-request', { where, reason: parsed.reason });
  }
  return parsed.value;
}
