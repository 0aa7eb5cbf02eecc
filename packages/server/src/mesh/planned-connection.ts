/**
 * What commands of an EXEC make of their connection for those behind them, as far as planning has
 * to know it before any of them runs: the database, and whether keys are touched.
 */
import type { ArgFrame } from '@kora/core';
import { argumentText, DATABASE_COUNT } from '@kora/core';

/** The database that the SELECT in the frame chooses. */
export function selected(frame: ArgFrame, db: number): number {
  const text = argumentText(frame, 1);
  return /^(?:0|[1-9]\d?)$/.test(text) && Number(text) < DATABASE_COUNT ? Number(text) : db;
}

/** What the ON or OFF of the command in the frame makes of a switch. */
export function chosen(frame: ArgFrame, isOn: boolean): boolean {
  const word = argumentText(frame, 2).toUpperCase();
  return word === 'ON' || (word !== 'OFF' && isOn);
}
