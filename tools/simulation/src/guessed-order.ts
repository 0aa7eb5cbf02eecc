/**
 * The order in which operations seem to have happened: by the runs that were seen on each key, the
 * order of each connection, the instants under which things ran, and time. The search for an order
 * tries it first, and where a hint was wrong finds its own way; so this may be wrong, and is only
 * fast. Cost: O(operations^2), which are hundreds.
 */
import type { History } from './history.ts';
import type { Operation } from './operation.ts';
import { isAbsent } from './operation.ts';
import type { Run } from './run-notes.ts';

/** Of two moments that are the same, one is so much earlier. */
const HAIR = 1 / 1024;

/** Who comes before whom. Soft arrows are the first to be given up when they go in a circle. */
class Arrows {
  readonly #followers: { readonly after: number; readonly isSoft: boolean }[][];
  readonly #hard: number[];
  readonly #soft: number[];

  readonly #hasSoft: boolean;

  constructor(count: number, hasSoft: boolean) {
    this.#hasSoft = hasSoft;
    this.#followers = Array.from({ length: count }, () => []);
    this.#hard = Array.from({ length: count }, () => 0);
    this.#soft = Array.from({ length: count }, () => 0);
  }

  draw(before: number, after: number, mayBeSoft = false): void {
    if (before === after) return;
    const isSoft = mayBeSoft && this.#hasSoft;
    this.#followers[before]?.push({ after, isSoft });
    const counts = isSoft ? this.#soft : this.#hard;
    counts[after] = (counts[after] ?? 0) + 1;
  }

  /** What comes after it waits for it no longer. */
  place(operation: number): void {
    for (const { after, isSoft } of this.#followers[operation] ?? []) {
      const counts = isSoft ? this.#soft : this.#hard;
      counts[after] = (counts[after] ?? 0) - 1;
    }
  }

  /** 0: it waits for nothing; 1: for soft arrows only; 2: for others. */
  rankOf(operation: number): number {
    if ((this.#hard[operation] ?? 0) > 0) return this.#hasSoft ? 2 : 1;
    return (this.#soft[operation] ?? 0) > 0 ? 1 : 0;
  }
}

/**
 * Of each operation its place, from 0.
 * @param hasSoftArrows false: all arrows count alike when they go in a circle
 */
export function guessedPlaces(history: History, hasSoftArrows: boolean): readonly number[] {
  const { operations, runs } = history;
  const times = timesOf(operations);
  const arrows = new Arrows(operations.length, hasSoftArrows);
  for (const { index, after, clocks } of operations) {
    for (const before of after) arrows.draw(before, index);
    for (const before of clocks) arrows.draw(before, index, true);
  }
  const deadlines = deadlinesOf(operations);
  for (const [key, order] of runs) {
    drawConflicts(order.filter(({ isClock }) => !isClock), arrows);
    drawInstants(order, deadlines.get(key.slice(0, 1)) ?? [], arrows);
  }
  const instants = operations.map(() => 0);
  for (const run of [...runs.values()].flat()) {
    instants[run.operation] = Math.max(instants[run.operation] ?? 0, run.nowMs);
  }
  for (const operation of operations) {
    drawWatches(operation, instants[operation.index] ?? 0, history, arrows);
  }
  const places = operations.map(() => -1);
  for (let place = 0; place < operations.length; place++) {
    const next = earliest(places, times, arrows);
    places[next] = place;
    arrows.place(next);
  }
  return places;
}

/** The earliest of those that wait for nothing, or else for as little as any. */
function earliest(places: readonly number[], times: readonly number[], arrows: Arrows): number {
  let best = -1;
  let bestRank = 0;
  for (let i = 0; i < places.length; i++) {
    if (places[i] !== -1) continue;
    const rank = arrows.rankOf(i);
    const isEarlier = (times[i] ?? Infinity) < (times[best] ?? Infinity);
    if (best >= 0 && (rank > bestRank || (rank === bestRank && !isEarlier))) continue;
    best = i;
    bestRank = rank;
  }
  return best;
}

/** A write comes after all that ran on the key before it, a read after the last write. */
function drawConflicts(order: readonly Run[], arrows: Arrows): void {
  let writer = -1;
  let readers: number[] = [];
  for (const { operation, isWrite } of order) {
    if (writer >= 0) arrows.draw(writer, operation);
    if (!isWrite) {
      readers.push(operation);
      continue;
    }
    for (const reader of readers) arrows.draw(reader, operation);
    readers = [];
    writer = operation;
  }
}

/** All deadlines that keys of a type, the first letter of their names, were given. */
function deadlinesOf(operations: readonly Operation[]): ReadonlyMap<string, number[]> {
  const found = new Map<string, number[]>();
  for (const { commands } of operations) {
    for (const words of commands) {
      const isDeadline = (words[0] ?? '').toUpperCase() === 'PEXPIREAT';
      const at = isDeadline ? 2 : words.indexOf('PXAT') + 1;
      if (at === 0) continue;
      const type = (words[1] ?? '').slice(0, 1);
      found.set(type, [...found.get(type) ?? [], Number(words[at])]);
    }
  }
  return found;
}

/** What ran under an instant comes after the moves of the clock up to it, and before the next. */
function drawInstants(order: readonly Run[], deadlines: readonly number[], arrows: Arrows): void {
  let beforeMs = 0;
  const clocks = order.filter(({ isClock, nowMs }) => {
    if (!isClock) return false;
    // Where no deadline passes nobody can tell.
    const from = beforeMs;
    beforeMs = nowMs;
    return deadlines.some((atMs) => atMs >= from && atMs <= nowMs);
  });
  for (const { operation, nowMs, isClock } of order) {
    if (isClock) continue;
    const next = clocks.findIndex((clock) => clock.nowMs > nowMs);
    const before = clocks[next < 0 ? clocks.length - 1 : next - 1];
    const after = clocks[next];
    if (before !== undefined) arrows.draw(before.operation, operation, true);
    if (after !== undefined) arrows.draw(operation, after.operation, true);
  }
}

/**
 * What changed a watched key comes before the WATCH or after the EXEC that still ran; so does a
 * deadline that had not passed for it.
 */
function drawWatches(
  exec: Operation, instantMs: number, { operations, runs }: History, arrows: Arrows,
): void {
  if (exec.reply === null || isAbsent(exec)) return;
  for (const index of exec.watches) {
    const watch = operations[index];
    const [[, ...keys] = []] = watch?.commands ?? [];
    for (const key of keys) {
      const seen = watch?.hints.find((hint) => hint.key === key);
      const since = seen?.time ?? watch?.completedAt ?? 0;
      for (const { operation, isWrite, isClock, time, nowMs } of runs.get(key) ?? []) {
        if (operation === exec.index) continue;
        const isLater = isClock ? instantMs > 0 && nowMs > instantMs : time > since;
        if (isLater && isWrite) arrows.draw(exec.index, operation, isClock);
        else if (isWrite && !isClock) arrows.draw(operation, index, true);
      }
    }
  }
}

/** When each seems to have happened: no later than what comes after it on its connection. */
function timesOf(operations: readonly Operation[]): readonly number[] {
  const times = operations.map(timeOf);
  for (let i = operations.length - 1; i >= 0; i--) {
    const operation = operations[i];
    if (operation === undefined || isAbsent(operation)) continue;
    for (const before of operation.after) {
      times[before] = Math.min(times[before] ?? Infinity, (times[i] ?? Infinity) - HAIR);
    }
  }
  return times;
}

function timeOf(operation: Operation): number {
  const { kind, hints, invokedAt, completedAt, exec } = operation;
  if (kind === 'clock') return invokedAt;
  const time = Math.min(...hints.map((hint) => hint.time));
  if (kind === 'watch' && exec !== undefined && time === Infinity) {
    // As late as possible: before its EXEC, and before it was answered.
    return Math.min(completedAt, timeOf(exec) - HAIR);
  }
  return time === Infinity ? completedAt : time;
}
