/**
 * Moves a segment into a fresh memory without gaps: shared memory is never given back to the system
 * while it is used, so an index that has shrunk moves. Slots keep their order and their level;
 * links are renumbered, so the graph is the same and nothing is searched. The old memory goes with
 * its last reference.
 * Cost: about .3 us a vector of 128 dimensions, and both memories at once.
 */
import { Segment } from './segment.ts';
import { assert } from './vector-error.ts';

/** The new segment, and where each old slot went (-1: it was free). */
export interface Compacted {
  readonly segment: Segment;
  readonly slots: Int32Array;
}

const PENDING = 4;
/** Level, state and fingerprint. */
const STATE_WORD = 1;
const IN_DEGREE_WORD = 3;

function moveLinks(from: Segment, to: Segment, slots: Int32Array, slot: number): void {
  const target = slots[slot] ?? -1;
  for (let level = from.engine.calls.slotLevel(slot); level >= 0; level--) {
    const at = (from.engine.calls.neighbours(slot, level) >>> 0) / 4;
    const into = (to.engine.calls.neighbours(target, level) >>> 0) / 4;
    const count = from.engine.i32[at] ?? 0;
    to.engine.i32[into] = count;
    for (let i = 1; i <= count; i++) {
      const named = slots[from.engine.i32[at + i] ?? -1] ?? -1;
      assert(named >= 0, 'after a sweep only live slots are named');
      to.engine.i32[into + i] = named;
    }
  }
}

/** Copies code and vector, which do not change. */
function moveVector(from: Segment, to: Segment, slot: number, target: number): void {
  const { calls } = from.engine;
  const codeWord = from.engine.header('codeAt') / 4;
  const hotWords = from.engine.header('hot') / 4;
  const at = (calls.recordAt(slot) >>> 0) / 4;
  const into = (to.engine.calls.recordAt(target) >>> 0) / 4;
  to.engine.i32[into + STATE_WORD] = from.engine.i32[at + STATE_WORD] ?? 0;
  to.engine.i32.set(from.engine.i32.subarray(at + codeWord, at + hotWords), into + codeWord);
  const cold = (calls.coldVectorAt(slot) >>> 0) / 4;
  if (cold === 0) return;
  const coldWords = from.engine.header('cold') / 4;
  const coldInto = (to.engine.calls.coldVectorAt(target) >>> 0) / 4;
  to.engine.i32.set(from.engine.i32.subarray(cold, cold + coldWords), coldInto);
}

/** Moves what is live; undefined, and nothing has changed, when there is no memory for it. */
export function compactSegment(from: Segment): Compacted | undefined {
  const { options } = from;
  const hasGraph = options.mode !== 'exact';
  if (hasGraph) from.sweepAll();
  const to = Segment.create(options, from.engine.header('bytesMax') >>> 0);
  const { calls } = to.engine;
  calls.inherit(
    from.engine.headerFloat('low'), from.engine.headerFloat('scale'), from.isTrained ? 1 : 0,
    from.engine.headerFloat('radius'),
  );
  const slots = new Int32Array(from.slotCount).fill(-1);
  const moved: number[] = [];
  for (let slot = 0; slot < slots.length; slot++) {
    if (!from.isPresent(slot)) continue;
    const isPending = from.engine.calls.slotState(slot) === PENDING;
    const target = calls.adopt(from.engine.calls.slotLevel(slot), isPending ? 1 : 0);
    if (target < 0) return undefined;
    slots[slot] = target;
    moved.push(slot);
  }
  to.engine.fit();
  from.engine.fit();
  for (const slot of moved) {
    const target = slots[slot] ?? -1;
    moveVector(from, to, slot, target);
    if (!hasGraph || from.engine.calls.slotState(slot) === PENDING) continue;
    const at = (from.engine.calls.recordAt(slot) >>> 0) / 4;
    const into = (calls.recordAt(target) >>> 0) / 4;
    to.engine.i32[into + IN_DEGREE_WORD] = from.engine.i32[at + IN_DEGREE_WORD] ?? 0;
    moveLinks(from, to, slots, slot);
  }
  const entry = from.engine.header('entry') >>> 0;
  const entrySlot = (entry & 0x7ffffff) - 1;
  calls.setEntry(entry === 0 ? -1 : slots[entrySlot] ?? -1);
  return { segment: to, slots };
}
