/**
 * One command with its authorizations: built, sent, and its response believed only after every session's HMAC was checked (TPM 2.0 Part
 * 1 sections 18 and 19).
 */
import { createHash } from 'node:crypto';
import { SymbolonError } from '../../../wire/errors/index.ts';
import { TpmReader, TpmWriter } from '../bytes.ts';
import { commandCode, structureTag, type CommandName } from './codes.ts';
import type { Ask } from './link.ts';
import { sessionBit, type Entity, type Session } from './session.ts';
import { headerBytes } from './transport.ts';

/** How an entity is authorized. Sessions beyond the entities that need it only encrypt. */
export type Authorization =
  /** The empty auth value as a password: for keys that have none. No auth value is ever sent as a password. */
  | 'empty'
  | {
      readonly session: Session;
      /** The entity's auth value; empty where it has none, or where the session belongs to no entity. */
      readonly auth: Uint8Array;
      /** Whether the first parameter of the command goes encrypted. */
      readonly decrypt?: boolean;
      /** Whether the first parameter of the response comes encrypted. */
      readonly encrypt?: boolean;
    };

/** A command to be sent. */
export interface TpmCommand {
  readonly command: CommandName;
  /** Handles in the order of the command, those that need authorization first. */
  readonly entities?: readonly Entity[];
  readonly authorizations?: readonly Authorization[];
  /** What follows handles and authorizations. Wiped where it went encrypted. */
  readonly parameters?: Uint8Array;
  /** Whether the response begins with a handle. */
  readonly givesHandle?: boolean;
}

/** TPM_RS_PW: the password session (Part 2 section 7.4). */
const passwordSession = 0x40000009;
const emptyBytes = new Uint8Array();

/** A response: the handle, where one was asked for, and its parameters, which the caller owns. */
export interface TpmResponse {
  readonly handle: number;
  readonly parameters: Uint8Array;
}

/**
 * Sends a command and checks the response.
 * @throws SymbolonError of the boundary `tpm`; `tpm/response-not-authentic` where an HMAC is wrong or absent.
 */
export async function execute(ask: Ask, input: TpmCommand): Promise<TpmResponse> {
  const { command, entities = [], authorizations = [], parameters = emptyBytes, givesHandle = false } = input;
  for (const one of authorizations) {
    if (one !== 'empty') {
      one.session.roll();
    }
  }
  for (const one of authorizations) {
    if (one !== 'empty' && one.decrypt === true) {
      one.session.encrypt(firstParameter(command, parameters), one.auth);
    }
  }
  const writer = new TpmWriter();
  for (const { handle } of entities) {
    writer.u32(handle);
  }
  if (authorizations.length > 0) {
    const area = authorizationArea(input, cpHashOf(command, entities, parameters));
    writer.u32(area.length).raw(area);
  }
  const rest = writer.raw(parameters).done();
  const bytes = new TpmWriter()
    .u16(authorizations.length > 0 ? structureTag.sessions : structureTag.noSessions)
    .u32(headerBytes + rest.length)
    .u32(commandCode[command])
    .raw(rest)
    .done();
  const { sessions, body } = await ask(command, bytes);
  try {
    if (sessions !== authorizations.length > 0) {
      throw new SymbolonError('tpm/response-not-authentic', { command });
    }
    return believed(input, new TpmReader(command, body), givesHandle);
  } finally {
    body.fill(0);
  }
}

/** Digest of the command: its code, the Names of its entities, its parameters as they are sent (Part 1 section 18.7). */
function cpHashOf(command: CommandName, entities: readonly Entity[], parameters: Uint8Array): Uint8Array {
  const hash = createHash('sha256').update(new TpmWriter().u32(commandCode[command]).done());
  for (const { name } of entities) {
    hash.update(name);
  }
  return new Uint8Array(hash.update(parameters).digest());
}

const attributesOf = (one: Exclude<Authorization, 'empty'>): number =>
  sessionBit.continue |
  (one.decrypt === true ? sessionBit.decrypt : 0) |
  (one.encrypt === true ? sessionBit.encrypt : 0);

function authorizationArea({ authorizations = [] }: TpmCommand, cpHash: Uint8Array): Uint8Array {
  const writer = new TpmWriter();
  authorizations.forEach((one, index) => {
    if (one === 'empty') {
      writer.u32(passwordSession).sized().u8(sessionBit.continue).sized();
      return;
    }
    const attributes = attributesOf(one);
    const others = index === 0 ? otherNonces(authorizations) : [];
    const hmac = one.session.commandHmac(cpHash, one.auth, attributes, others);
    writer.u32(one.session.handle).sized(one.session.nonceCaller).u8(attributes).sized(hmac);
  });
  return writer.done();
}

/** Part 1 section 19.6.5: the first session's HMAC holds nonceTPM of the session that decrypts, then of the one that encrypts. */
function otherNonces(authorizations: readonly Authorization[]): Uint8Array[] {
  const others = authorizations.slice(1);
  const sessions = others.filter((one) => one !== 'empty');
  const decrypting = sessions.find((one) => one.decrypt === true);
  const encrypting = sessions.find((one) => one.encrypt === true && one !== decrypting);
  return [decrypting, encrypting].flatMap((one) => (one === undefined ? [] : [one.session.nonceTpm]));
}

function believed(input: TpmCommand, reader: TpmReader, givesHandle: boolean): TpmResponse {
  const { command, authorizations = [] } = input;
  const handle = givesHandle ? reader.u32() : 0;
  if (authorizations.length === 0) {
    return { handle, parameters: reader.take(reader.left) };
  }
  const parameters = reader.take(reader.u32());
  // Part 1 section 18.8: response code and command code go before the parameters as they came.
  const rpHash = createHash('sha256')
    .update(new TpmWriter().u32(0).u32(commandCode[command]).done())
    .update(parameters)
    .digest();
  for (const one of authorizations) {
    const answer = { nonce: reader.sized(64), attributes: reader.u8(), hmac: reader.sized(64) };
    if (one === 'empty') {
      continue;
    }
    if (!one.session.answered(rpHash, one.auth, answer)) {
      parameters.fill(0);
      throw new SymbolonError('tpm/response-not-authentic', { command });
    }
  }
  reader.end();
  for (const one of authorizations) {
    if (one !== 'empty' && one.encrypt === true) {
      one.session.decrypt(firstParameter(command, parameters), one.auth);
    }
  }
  return { handle, parameters };
}

/** The bytes of the TPM2B that parameters begin with, in place: all that session encryption covers. */
function firstParameter(command: CommandName, parameters: Uint8Array): Uint8Array {
  const reader = new TpmReader(command, parameters);
  const length = reader.u16();
  if (length > reader.left) {
    reader.refuse('the first parameter is longer than all');
  }
  return parameters.subarray(2, 2 + length);
}
