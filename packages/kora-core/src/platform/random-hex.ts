/**
 * Identifiers in the form of Redis's run and replication ids: 40 hexadecimal characters. They tell
 * starts apart; they are no secrets.
 */
import type { Chance } from './platform.ts';

/** Forty hexadecimal characters. */
export function randomHex40(chance: Chance): string {
  let text = '';
  for (let i = 0; i < 5; i++) text += (chance.next32() >>> 0).toString(16).padStart(8, '0');
  return text;
}
