/**
 * Strict JSON for bodies and files: one value, no duplicate keys, bounded depth. `JSON.parse` takes the last of two equal
 * keys silently, which lets two readers of one text see two different things.
 */
import { SymbolonError } from '../wire/errors/index.ts';

/** Deepest nesting of arrays and objects. */
export const maxJsonDepth = 8;

const refuse = (where: string, reason: string): never => {
  throw new SymbolonError('coordinator/bad-request', { where, reason });
};

/**
 * Parses a JSON text that was already bounded in size.
 * @param where - names the place for the error.
 * @throws SymbolonError `coordinator/bad-request`.
 */
export function parseStrictJson(text: string, where: string): unknown {
  checkStructure(text, where);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The error of JSON.parse quotes the text: it is not passed on.
    return refuse(where, 'not JSON');
  }
}

/** Walks the tokens that matter: brackets, strings and what makes a string a key. The grammar is left to JSON.parse. */
function checkStructure(text: string, where: string): void {
  const token = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/gs;
  const open: (Set<string> | undefined)[] = [];
  let last = '';
  for (const [found] of text.matchAll(token)) {
    if (found === '{' || found === '[') {
      open.push(found === '{' ? new Set() : undefined);
      if (open.length > maxJsonDepth) {
        refuse(where, `nested deeper than ${maxJsonDepth}`);
      }
    } else if (found === '}' || found === ']') {
      open.pop();
    } else if (found === ':') {
      noteKey(open.at(-1), last, where);
    }
    last = found;
  }
}

function noteKey(keys: Set<string> | undefined, raw: string, where: string): void {
  if (keys === undefined || !raw.startsWith('"')) {
    return;
  }
  let key: unknown;
  try {
    // Two spellings of one key ("a" and "\u0061") are one key.
    key = JSON.parse(raw);
  } catch {
    refuse(where, 'not JSON');
  }
  const name = String(key);
  if (keys.has(name)) {
    refuse(where, 'a key twice in one object');
  }
  keys.add(name);
}
