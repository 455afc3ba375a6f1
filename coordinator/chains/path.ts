/** Derivation paths as people write them (BIP32 "Key tree"): `m/0/5`. */
import { SymbolonError } from '../../wire/errors/index.ts';
import { maxPath } from '../../wire/limits.ts';

/** BIP32: steps from here on are hardened. */
const firstHardened = 0x8000_0000;

const refuse = (reason: string): never => {
  throw new SymbolonError('coordinator/bad-path', { reason });
};

/**
 * The steps of a path; none for `m`, the key itself. A hardened step is refused by its name: it hashes the whole private
 * key, which nobody has.
 * @throws SymbolonError `coordinator/bad-path`.
 */
export function parsePath(text: string): number[] {
  const [root, ...steps] = text.split('/');
  if (root !== 'm') {
    return refuse('it does not begin with m');
  }
  if (steps.length > maxPath) {
    return refuse(`more than ${maxPath} steps`);
  }
  return steps.map((step, i) => {
    if (/^\d{1,10}['hH]$/.test(step)) {
      return refuse(`step ${i + 1} is hardened`);
    }
    const index = /^(?:0|[1-9]\d{0,9})$/.test(step) ? Number(step) : NaN;
    return index < firstHardened ? index : refuse(`step ${i + 1} is not a number below 2^31`);
  });
}

/** The text of a path. */
export const pathText = (path: readonly number[]): string => ['m', ...path].join('/');
