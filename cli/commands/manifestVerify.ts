/** `symbolon manifest verify`: signatures, rules and anchor of a manifest, offline. */
import { isSymbolonError } from '../../wire/errors/index.ts';
import { toHex } from '../../wire/ids.ts';
import type { Command } from '../command.ts';
import { exitCodes } from '../exitCodes.ts';
import { result } from '../io.ts';
import { manifestOptions, verifiedManifest } from './manifestFile.ts';

/** The command. */
export const manifestVerify: Command = {
  words: ['manifest', 'verify'],
  summary: 'verify the signatures and rules of a manifest, offline',
  options: manifestOptions,
  operands: [
    { name: 'FILE', help: 'a signed manifest (default: the one of the cluster folder)', optional: true },
  ],
  examples: [
    'symbolon manifest verify',
    'symbolon manifest verify new.cbor --anchor 5be0...   # against a governance anchor that you know',
  ],
  run: async (args, io) => {
    const json = args.flag('json');
    try {
      const { hash, version, manifest } = await verifiedManifest(args, io);
      result(io, json, { ok: true, hash: toHex(hash), version, label: manifest.label }, [
        `${io.style.good('verified')}  ${manifest.label} version ${version}`,
        `hash      ${toHex(hash)}`,
      ]);
      return exitCodes.ok;
    } catch (error) {
      if (isSymbolonError(error) && error.code.startsWith('manifest/')) {
        result(io, json, { ok: false, code: error.code, what: error.message, todo: error.todo }, [
          `${io.style.bad('refused')}  ${error.message}`,
          `         ${error.todo} ${io.style.dim(`[${error.code}]`)}`,
        ]);
        return exitCodes.refused;
      }
      throw error;
    }
  },
};
