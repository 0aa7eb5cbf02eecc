/**
 * One slice of what a thread does to take deleted slots out of the graph of a shared index: some of
 * those that were marked, a part of a sweep if one is due, and slots that no search can hold any
 * more are free again. One thread at a time, while none links.
 */
import { SWEEP_SLOTS } from '../limits.ts';
import type { Segment } from '../segment.ts';

/** Deleted slots taken out in one turn: what other threads wait for that would link. */
const REMOVALS_PER_TURN = 8;

/** @returns false when there is nothing to do, or another thread is at it */
export function removeSlice(segment: Segment, isSweepWanted: boolean): boolean {
  const { calls } = segment.engine;
  const isSweepDue = segment.isSweepDue || (isSweepWanted && segment.deadCount > 0);
  if (!isSweepDue && segment.goneCount === 0 && calls.aloneCount() === 0) return false;
  if (calls.beginRemoval() === 0) return false;
  calls.removeGone(REMOVALS_PER_TURN);
  if (isSweepDue) calls.sweep(SWEEP_SLOTS);
  calls.reclaim();
  calls.endRemoval();
  return true;
}
