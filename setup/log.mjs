// What the set-up says, on stderr only: stdout belongs to the program that runs afterwards.
const start = Date.now();

/** Seconds since `since`, for people. */
export const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;

/** Prints one line. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/** Runs one step and prints its name and time. A step that fails is named before its error goes on. */
export async function step(name, work) {
  const began = Date.now();
  say(`set-up: ${name} ...`);
  try {
    const result = await work();
    say(`set-up: ${name}: done in ${seconds(began)}`);
    return result;
  } catch (error) {
    say(`set-up: ${name}: stopped after ${seconds(began)}`);
    throw error;
  }
}

/** Time since the process started. */
export const total = () => seconds(start);

/** An end that the person can do something about: a message and an exit code, no stack. */
export class Stop extends Error {
  constructor(message, code = 1) {
    super(message);
    this.exitCode = code;
  }
}

/** Runs the main part of a script; a Stop becomes its message and exit code. */
export async function run(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    if (error instanceof Stop) {
      say(error.message);
      process.exitCode = error.exitCode;
    } else {
      throw error;
    }
  }
}
