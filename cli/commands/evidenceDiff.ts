/** `symbolon evidence diff`: what changed between two pieces of evidence. It verifies nothing, and says so. */
import type { Command } from '../command.ts';
import { differencesOf, type Difference } from '../evidence/difference.ts';
import { printable } from '../evidence/view.ts';
import { exitCodes } from '../exitCodes.ts';
import { result } from '../io.ts';
import type { Style } from '../style.ts';
import { readingOf } from './evidenceShow.ts';

/** The command. */
export const evidenceDiff: Command = {
  words: ['evidence', 'diff'],
  summary: 'name what changed between two pieces of evidence: exit 0 nothing, 1 something, 2 not understood',
  options: {},
  operands: [
    { name: 'A', help: 'evidence, as for `evidence show`' },
    { name: 'B', help: 'evidence of the same kind, of another time' },
  ],
  examples: [
    'symbolon evidence diff before.bin after.bin',
    'symbolon evidence diff boot-1.log boot-2.log --json',
  ],
  run: (args, io) => {
    const [a, b] = [readingOf(args.needed(0), io), readingOf(args.needed(1), io)];
    const differences = differencesOf(a, b);
    result(
      io,
      args.flag('json'),
      { ok: true, verified: false, same: differences.length === 0, differences },
      [
        `${io.style.warn('UNVERIFIED')}: neither of the two was checked. Nonce, time and clock are left out.`,
        ...(differences.length === 0
          ? [io.style.good('Nothing else changed.')]
          : differences.flatMap((one) => linesOf(one, io.style))),
      ],
    );
    return Promise.resolve(differences.length === 0 ? exitCodes.ok : exitCodes.refused);
  },
};

const linesOf = ({ what, name, a, b }: Difference, { strong, bad, good }: Style): string[] => [
  '',
  // A name that begins with the word of its group says it alone.
  name.startsWith(what) ? strong(printable(name)) : `${strong(what)} ${printable(name)}`,
  `  ${bad('-')} ${printable(a)}`,
  `  ${good('+')} ${printable(b)}`,
];
