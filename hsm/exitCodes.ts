/**
 * How the HSM process ends, and what its supervisor does about it. Numbers follow sysexits(3) where one fits.
 */

/** Exit codes of the HSM process. */
export const exitCodes = {
  /** Ended on SIGTERM or SIGINT. */
  ended: 0,
  /** The token or its library failed, or is not there now: start again, with back-off (EX_SOFTWARE). */
  tokenFailed: 70,
  /** The PIN was refused or its file is exposed or broken: never start again by itself (EX_NOPERM, T30). */
  pinRefused: 77,
  /** Configuration, profile, token identity or wrapping key is wrong: starting again can't mend it (EX_CONFIG). */
  badSetup: 78,
} as const;

/**
 * Whether a supervisor may start the HSM process again after this end. `code` is `null` where a signal ended it: vendor
 * libraries crash, so that is a normal reason to start again. Back off from 250 ms, doubling, to 30 s.
 */
export function mayRestart(code: number | null): boolean {
  return code !== exitCodes.ended && code !== exitCodes.pinRefused && code !== exitCodes.badSetup;
}
