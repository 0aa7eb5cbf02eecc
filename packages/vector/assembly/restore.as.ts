/**
 * A graph made again out of what was saved of each node: vectors are stored as they come, in any
 * order, and links name the *places* that nodes had before, which need not be their slots now.
 *   restoreNode   the vector in QUERY at a fresh slot; its old place waits in the in-degree word,
 *                 and whoever restores writes lists of places
 *   settle        places become slots, links to what did not come go, links are counted
 * Nothing is searched or linked in between, so a link word may be no slot until `settle`.
 * Cost: of settle one pass over all links, some 10 ns each where they miss the cache.
 */
import { growRadius, normOf, writeCold, writePoint } from './codes.as';
import { limitOf } from './graph.as';
import {
  addIn, giveBlock, H, H_RADIUS, H_SLOTS, isLive, levelOf, LEVELS_MAX, list, METRIC, METRIC_IP,
  R_IN, record, setCount, takeBlock, word,
} from './layout.as';
import { indexIn, QUERY } from './scratch.as';
import { adopt, E_ABSENT, E_MEMORY, E_NOT_FINITE } from './slots.as';

/** A link to a place that never was, and two nodes of one place. */
const FAULT_LINK = -11, FAULT_PLACE = -16;

/** Stores the vector in QUERY as a node of that level without links. Its slot, or an error. */
export function restoreNode(level: i32, place: i32): i32 {
  if (<u32>level > <u32>LEVELS_MAX) return E_ABSENT;
  const norm = normOf(QUERY);
  if (norm < 0) return E_NOT_FINITE;
  const id = adopt(level, 0);
  if (id < 0) return id;
  if (METRIC == METRIC_IP && norm > load<f32>(H + H_RADIUS)) growRadius(norm);
  writeCold(id, QUERY, norm);
  writePoint(id, QUERY, norm);
  store<i32>(record(id) + R_IN, place);
  for (let l = level; l >= 0; l--) setCount(list(id, l), 0);
  return id;
}

/** Slots of the nodes by their places, plus 1, at `slots`; a negative number for a fault. */
function collectPlaces(slots: usize, places: i32): i32 {
  const count = word(H_SLOTS);
  for (let id = 0; id < count; id++) {
    if (!isLive(id)) continue;
    const at = record(id) + R_IN, place = load<i32>(at);
    if (<u32>place >= <u32>places) return FAULT_PLACE;
    const slot = slots + (<usize>place << 2);
    if (load<i32>(slot) != 0) return FAULT_PLACE;
    store<i32>(slot, id + 1);
    store<i32>(at, 0);
  }
  return 0;
}

/** Makes slots of the places in a list; a node of a lower level is not linked there. */
function settleList(id: i32, level: i32, slots: usize, places: i32): bool {
  const at = list(id, level), n = load<i32>(at);
  if (<u32>n > <u32>limitOf(level)) return false;
  let kept = 0;
  for (let i = 0; i < n; i++) {
    const place = load<i32>(at + 4 + (<usize>i << 2));
    if (<u32>place >= <u32>places) return false;
    const y = load<i32>(slots + (<usize>place << 2)) - 1;
    if (y < 0 || y == id || levelOf(y) < level || indexIn(at + 4, kept, y) >= 0) continue;
    store<i32>(at + 4 + (<usize>kept << 2), y);
    kept++;
    addIn(y, 1);
  }
  setCount(at, kept);
  return true;
}

/**
 * Makes links of what was restored; places lie below `places`. Returns how many nodes nothing
 * names, or a negative number: then the memory is of no use.
 */
export function settle(places: i32): i32 {
  const bytes = <usize>max(places, 1) << 2, slots = takeBlock(bytes);
  if (slots == 0) return E_MEMORY;
  memory.fill(slots, 0, bytes);
  let fault = collectPlaces(slots, places);
  const count = word(H_SLOTS);
  for (let id = 0; id < count && fault == 0; id++) {
    if (!isLive(id)) continue;
    for (let l = levelOf(id); l >= 0 && fault == 0; l--) {
      if (!settleList(id, l, slots, places)) fault = FAULT_LINK;
    }
  }
  giveBlock(slots, bytes);
  if (fault != 0) return fault;
  let alone = 0, live = 0;
  for (let id = 0; id < count; id++) {
    if (!isLive(id)) continue;
    live++;
    if (load<i32>(record(id) + R_IN) == 0) alone++;
  }
  return live > 1 ? alone : 0;
}
