/**
 * RSA moduli of the generator of CVE-2017-15361 ("ROCA"), which many TPMs have: their factors can be found. Such a modulus is a
 * power of 65537 modulo the product M of the first primes (M. Nemec, M. Sys, P. Svenda, D. Klinec, V. Matyas, "The Return of
 * Coppersmith's Attack: Practical Factorization of Widely Used RSA Moduli", ACM CCS 2017), and so is it modulo each of these primes.
 */

/** The generator of the paper. */
const generator = 65537;
/** M has at least the primes up to 167, for a key of any size; 2 tells nothing of an odd modulus. 38 are left. */
const lastPrime = 167;

const isPrime = (value: number): boolean => {
  for (let divisor = 2; divisor * divisor <= value; divisor += 1) {
    if (value % divisor === 0) {
      return false;
    }
  }
  return true;
};

/** The powers of the generator modulo a prime. */
function powersModulo(prime: number): ReadonlySet<number> {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * generator) % prime) {
    powers.add(power);
  }
  return powers;
}

/** Each prime from 3 to 167 with the residues that a weak modulus has there. */
const residues: readonly (readonly [prime: number, powers: ReadonlySet<number>])[] = Array.from(
  { length: lastPrime - 2 },
  (_, i) => i + 3,
)
  .filter(isPrime)
  .map((prime) => [prime, powersModulo(prime)]);

/**
 * Whether a modulus has the form of that generator: all 38 primes say so. Of other moduli fewer than one in 10^8 has it too.
 * @param modulus - big endian, of any length.
 */
export function isWeakRsa(modulus: Uint8Array): boolean {
  return residues.every(([prime, powers]) => {
    let rest = 0;
    for (const byte of modulus) {
      rest = (rest * 256 + byte) % prime;
    }
    return powers.has(rest);
  });
}
