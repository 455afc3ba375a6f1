/** What evidence of a TPM 2.0 says: the message that a node shows, a bare quote, or the event log of a boot. */
import {
  explainEventLog,
  tpm2Document,
  tpm2QualifyingData,
  type ExplainedLog,
  type Tpm2Evidence,
} from '../../enclave/evidence/index.ts';
import { readEventLog } from '../../enclave/evidence/tpm2/eventLog.ts';
import { matchLog } from '../../enclave/evidence/tpm2/logMatch.ts';
import { readAttested, type Attested } from '../../enclave/tpm/attested.ts';
import { nameOf } from '../../enclave/tpm/public.ts';
import { isSymbolonError } from '../../wire/errors/index.ts';
import { equalBytes, toHex } from '../../wire/ids.ts';
import type { EventReading, PartialReading } from './contract.ts';

/**
 * Reads the message that a `tpm2` node shows, unverified.
 * @throws SymbolonError `wire/*`, `tpm/malformed`, `evidence/malformed`.
 */
export function readQuoteBundle(bytes: Uint8Array): PartialReading {
  const evidence = tpm2Document.decode(bytes);
  const attested = readAttested(evidence.quote);
  const binds = equalBytes(attested.extraData, tpm2QualifyingData(evidence));
  return {
    kind: 'tpm2',
    machine: toHex(nameOf(evidence.key)),
    madeAt: evidence.madeAt,
    banks: new Map([[evidence.bank, evidence.pcrs]]),
    certificates: [],
    nonce: evidence.nonce,
    publicKey: evidence.publicKey,
    userData: evidence.userData,
    events: evidence.eventLog === undefined ? undefined : eventsOf(explainEventLog(evidence.eventLog)),
    facts: factsOf(attested),
    notes: [
      binds
        ? 'The quote names the hash of nonce, identity, claims and time.'
        : 'The quote names another hash than that of nonce, identity, claims and time: they were not quoted.',
      ...replayNotes(evidence),
      ...clockNotes(attested),
    ],
  };
}

/**
 * Reads a bare TPMS_ATTEST of a quote, unverified.
 * @throws SymbolonError `tpm/malformed`.
 */
export function readQuote(bytes: Uint8Array): PartialReading {
  const attested = readAttested(bytes);
  const selected = attested.selections.map(({ bank, pcrs }) => `${bank} ${pcrs.join(',')}`).join('; ');
  return {
    kind: 'quote',
    machine: undefined,
    madeAt: undefined,
    banks: new Map(),
    certificates: [],
    nonce: attested.extraData,
    publicKey: undefined,
    userData: undefined,
    events: undefined,
    facts: {
      ...factsOf(attested),
      selected,
      registerDigest: toHex(attested.pcrDigest),
      qualifiedSigner: toHex(attested.qualifiedSigner),
    },
    notes: [
      'A quote holds a digest over registers, not their values; its signature and its key are other files.',
      ...clockNotes(attested),
    ],
  };
}

/**
 * Reads the event log of a boot, unverified. The registers are those that it replays to.
 * @throws SymbolonError `evidence/malformed`, `evidence/oversize`.
 */
export function readLog(bytes: Uint8Array): PartialReading {
  const log = explainEventLog(bytes);
  return {
    kind: 'event-log',
    machine: undefined,
    madeAt: undefined,
    banks: log.registers,
    certificates: [],
    nonce: undefined,
    publicKey: undefined,
    userData: undefined,
    events: eventsOf(log),
    facts: { startupLocality: log.startupLocality },
    notes: [
      'The registers are what the log replays to. A log counts only where a TPM signed these very registers.',
      ...(log.banks.every((bank) => bank === 'sha1')
        ? ['The log has the SHA-1 bank alone, which no policy accepts.']
        : []),
    ],
  };
}

/** The extended events, each with the digest of its strongest bank. */
const eventsOf = (log: ExplainedLog): readonly EventReading[] =>
  log.events.flatMap(({ pcr, name, type, digests, text }): readonly EventReading[] => {
    const [digest] = [...digests.values()].sort((a, b) => b.length - a.length);
    return name === undefined || digest === undefined ? [] : [{ pcr, name, type, digest, text }];
  });

function factsOf({ clock, firmwareVersion }: Attested): PartialReading['facts'] {
  return {
    poweredMs: Number(clock.clock),
    resetCount: clock.resetCount,
    restartCount: clock.restartCount,
    clockSafe: clock.safe,
    firmware: `0x${firmwareVersion.toString(16)}`,
  };
}

/** Part 1 section 36.3: a clock that is not safe may have been reported higher before power was lost. */
const clockNotes = ({ clock }: Attested): string[] =>
  clock.safe ? [] : ['The clock of the TPM is not safe: it was powered off without a shutdown.'];

/** Whether the log leads to the registers beside it, as a verifier would find. */
function replayNotes({ eventLog, bank, pcrs }: Tpm2Evidence): string[] {
  if (eventLog === undefined) {
    return [];
  }
  try {
    matchLog(readEventLog(eventLog), bank, pcrs);
    return ['The event log replays to the registers beside it.'];
  } catch (error) {
    if (isSymbolonError(error)) {
      return [`The event log does not go with the registers beside it: ${error.message}`];
    }
    throw error;
  }
}
