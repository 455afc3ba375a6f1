/** Exit codes of `symbolon`, the same for every command; `symbolon --help` prints them. */
export const exitCodes = {
  /** Done, or accepted. */
  ok: 0,
  /** Refused, failed, or not verified. */
  refused: 1,
  /** The command line or a file given to it was not understood. */
  usage: 2,
  /** What the command needs does not run or can't be reached now. */
  unavailable: 3,
  /** Ended by Ctrl-C (128 + SIGINT). */
  interrupted: 130,
} as const;
/** An exit code of {@link exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
