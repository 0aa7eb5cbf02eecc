/**
 * A record of the log as one line, for people: when, in which database, what was done to which key.
 * The layout is that of the core's effect-codec.ts; only its head is read.
 */
import { EFFECT_VERSION, EffectOp } from '@kora/core';

const HEAD_BYTES = 20;
const TWO_32 = 4_294_967_296;
/** Characters of a key that are shown. */
const KEY_CHARACTERS_MAX = 60;

const names = new Map(Object.entries(EffectOp).map(([name, op]) => [op as number, name]));

/** `17  2026-11-21T07:00:00.000Z  db 0  StringSet "key" (120 bytes)` */
export function recordLine(record: Uint8Array, sequence: number): string {
  if (record.length === 0) return `${sequence}  a part of a transaction without changes here`;
  const view = new DataView(record.buffer, record.byteOffset, record.length);
  if (record.length < HEAD_BYTES || record[0] !== EFFECT_VERSION) {
    return `${sequence}  a record of ${record.length} bytes`;
  }
  const timeMs = view.getUint32(12, true) * TWO_32 + view.getUint32(8, true);
  const keyBytes = view.getUint32(16, true);
  const key = Buffer.from(record.buffer, record.byteOffset + HEAD_BYTES,
    Math.min(keyBytes, record.length - HEAD_BYTES)).toString('utf8');
  const shown = key.length > KEY_CHARACTERS_MAX ? `${key.slice(0, KEY_CHARACTERS_MAX)}...` : key;
  const op = names.get(record[1] ?? 0) ?? `op ${record[1] ?? 0}`;
  const what = keyBytes === 0 ? op : `${op} ${JSON.stringify(shown)}`;
  const when = new Date(timeMs).toISOString();
  return `${sequence}  ${when}  db ${record[3] ?? 0}  ${what} (${record.length} bytes)`;
}
