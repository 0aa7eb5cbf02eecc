/**
 * What several threads do with one index. One thread owns it: it stores, and marks what goes. Any
 * number of others search, and link what was stored.
 *   tail   a ring of stored slots, in order: HEAD <= CLAIM <= END. The owner appends at END, a
 *          thread that links takes one at CLAIM, HEAD passes those that are linked. Beside each
 *          place lies the number of the last one done there, plus one.
 *   gone   a ring of slots that are marked as deleted, from the owner to whoever removes
 * Removing and sweeping want the graph for themselves: one thread at a time (REMOVER), when no
 * thread links (LINKERS). Searches take no lock: link words are always slots, and no slot is used
 * again before the searches that may hold it have ended (removal.as.ts).
 * A search looks at the tail first and walks then: what has left the tail by then was linked before
 * the walk began. The other way round it would miss what is linked in between (`setLate`: the
 * litmus shows that it does).
 * Invariants: END - HEAD <= size; a place is used again only behind HEAD. Numbers wrap at 2^32.
 */
import { link } from './graph.as';
import {
  addWord, CANCELLED, FREE, giveBlock, GOING, H, H_DEAD, H_GONE, H_GONE_END, H_GONE_HEAD, H_LINKERS,
  H_LIVE, H_PENDING, H_PENDING_COUNT, H_REMOVER, H_SLOTS, H_TAIL, H_TAIL_CLAIM, H_TAIL_END,
  H_TAIL_HEAD, H_TAIL_SIZE, H_TRAINED, LIVE, M, PENDING, R_IN, R_STATE, record, setPresent,
  setThreads, setWord, state, takeBlock, word,
} from './layout.as';
import { rescue, retire, unlinkGoing } from './removal.as';
import { fitVisited, idAt, setId } from './scratch.as';
import { canRelist, E_ABSENT, E_MEMORY, relist } from './slots.as';

/** How long a thread that removes sleeps at most while others end what they link. */
const LINKERS_WAIT_NS: i64 = 100_000;

/** Lays out the rings, of `size` places, a power of two. Called by the owner before any thread. */
export function share(size: i32): i32 {
  const bytes = <usize>size << 2, tail = takeBlock(bytes << 1), gone = takeBlock(bytes);
  if (tail == 0 || gone == 0) {
    giveBlock(tail, bytes << 1); giveBlock(gone, bytes);
    return E_MEMORY;
  }
  memory.fill(tail, 0, bytes << 1);
  setWord(H_TAIL_END, 0); setWord(H_TAIL_CLAIM, 0); setWord(H_TAIL_HEAD, 0);
  setWord(H_GONE_END, 0); setWord(H_GONE_HEAD, 0); setWord(H_LINKERS, 0); setWord(H_REMOVER, 0);
  setWord(H_TAIL_SIZE, size); setWord(H_GONE, <i32>gone); setWord(H_TAIL, <i32>tail);
  movePending();
  return 0;
}

/** What waits goes into the tail, once there are codes to link by. Nobody else is at work. */
export function movePending(): void {
  if (word(H_TAIL) == 0 || word(H_TRAINED) == 0 || M == 0) return;
  const count = word(H_PENDING_COUNT), list = <usize>word(H_PENDING);
  for (let i = 0; i < count; i++) {
    store<i32>(record(idAt(list, i)) + R_IN, 0);
    pushTail(idAt(list, i));
  }
  setWord(H_PENDING_COUNT, 0);
}

@inline
function placeOf(ring: usize, number: u32): usize {
  return ring + (<usize>(number & <u32>(word(H_TAIL_SIZE) - 1)) << 2);
}
@inline
function doneAt(number: u32): usize {
  const ring = <usize>word(H_TAIL), size = <usize>word(H_TAIL_SIZE);
  return placeOf(ring + (size << 2), number);
}

/** Appends a stored slot; the caller has seen that there is room. */
export function pushTail(id: i32): void {
  const end = <u32>word(H_TAIL_END);
  atomic.store<i32>(placeOf(<usize>word(H_TAIL), end), id);
  atomic.store<u32>(H + H_TAIL_END, end + 1);
}

/** Links one slot of the tail. 1, or 0 when there is none or somebody removes. */
export function linkNext(ef: i32): i32 {
  if (word(H_TRAINED) == 0 || M == 0 || atomic.load<i32>(H + H_REMOVER) != 0) return 0;
  // Without memory for marks the newest slots are passed over: worse links, never wrong ones.
  fitVisited();
  atomic.add<i32>(H + H_LINKERS, 1);
  let result = 0;
  if (atomic.load<i32>(H + H_REMOVER) == 0) {
    let at = atomic.load<u32>(H + H_TAIL_CLAIM);
    while (at != atomic.load<u32>(H + H_TAIL_END)) {
      const seen = atomic.cmpxchg<u32>(H + H_TAIL_CLAIM, at, at + 1);
      if (seen == at) { linkPlace(at, ef); result = 1; break; }
      at = seen;
    }
  }
  if (atomic.sub<i32>(H + H_LINKERS, 1) == 1 && atomic.load<i32>(H + H_REMOVER) != 0) {
    atomic.notify(H + H_LINKERS, 1);
  }
  return result;
}

function linkPlace(number: u32, ef: i32): void {
  const id = atomic.load<i32>(placeOf(<usize>word(H_TAIL), number));
  // Fails when it was deleted, or linked from another place of the ring.
  if (atomic.cmpxchg<u8>(record(id) + R_STATE, PENDING, LIVE) == PENDING) link(id, ef);
  atomic.store<u32>(doneAt(number), number + 1);
  let head = atomic.load<u32>(H + H_TAIL_HEAD);
  while (head != atomic.load<u32>(H + H_TAIL_CLAIM)
    && atomic.load<u32>(doneAt(head)) == head + 1) {
    atomic.cmpxchg<u32>(H + H_TAIL_HEAD, head, head + 1);
    head = atomic.load<u32>(H + H_TAIL_HEAD);
  }
}

/** Deletes a slot for all who search from now on; the owner only. 0, or E_ABSENT. */
export function markGone(id: i32): i32 {
  if (<u32>id >= <u32>word(H_SLOTS)) return E_ABSENT;
  const at = record(id) + R_STATE;
  while (true) {
    if (atomic.cmpxchg<u8>(at, LIVE, GOING) == LIVE) { addWord(H_DEAD, 1); break; }
    const seen = atomic.cmpxchg<u8>(at, PENDING, CANCELLED);
    if (seen == PENDING) break;
    if (seen != LIVE) return E_ABSENT;
  }
  setPresent(id, false);
  addWord(H_LIVE, -1);
  const end = <u32>word(H_GONE_END);
  atomic.store<i32>(placeOf(<usize>word(H_GONE), end), id);
  atomic.store<u32>(H + H_GONE_END, end + 1);
  return 0;
}

/** Takes the graph for this thread alone; 0 when another has it. */
export function beginRemoval(): i32 {
  if (atomic.cmpxchg<i32>(H + H_REMOVER, 0, 1) != 0) return 0;
  for (let n = atomic.load<i32>(H + H_LINKERS); n != 0; n = atomic.load<i32>(H + H_LINKERS)) {
    atomic.wait<i32>(H + H_LINKERS, n, LINKERS_WAIT_NS);
  }
  setThreads(false);
  return 1;
}

/**
 * Takes out up to `most` marked slots, and joins what is alone. Between beginRemoval and
 * endRemoval.
 */
export function removeGone(most: i32): void {
  rescue();
  for (let i = 0; i < most; i++) {
    const head = <u32>word(H_GONE_HEAD);
    if (head == atomic.load<u32>(H + H_GONE_END)) return;
    takeOut(atomic.load<i32>(placeOf(<usize>word(H_GONE), head)));
    atomic.store<u32>(H + H_GONE_HEAD, head + 1);
  }
}

function takeOut(id: i32): void {
  if (state(id) == GOING) { unlinkGoing(id); return; }
  store<u8>(record(id) + R_STATE, FREE);
  retire(id);
}

export function endRemoval(): void {
  setThreads(true);
  atomic.store<i32>(H + H_REMOVER, 0);
}

/** Marks slots of a list that wait, so that each is taken once. */
function markWaiting(list: usize, mask: u32, from: u32, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const id = idAt(list, <i32>((from + i) & mask));
    if (state(id) == PENDING) store<i32>(record(id) + R_IN, -1);
  }
}

/** All other threads have ended: what they left becomes the owner's own to do. */
export function unshare(ef: i32): void {
  removeGone(i32.MAX_VALUE);
  const ring = <usize>word(H_TAIL), size = word(H_TAIL_SIZE), head = <u32>word(H_TAIL_HEAD);
  const waiting = <u32>word(H_TAIL_END) - head, mask = <u32>size - 1;
  const list = <usize>word(H_PENDING), count = word(H_PENDING_COUNT);
  markWaiting(list, u32.MAX_VALUE, 0, count);
  markWaiting(ring, mask, head, waiting);
  setWord(H_TAIL, 0); setWord(H_TAIL_HEAD, 0); setWord(H_TAIL_CLAIM, 0); setWord(H_TAIL_END, 0);
  let kept = 0;
  for (let i = 0; i < count; i++) {
    const id = idAt(list, i);
    if (state(id) != PENDING || load<i32>(record(id) + R_IN) != -1) continue;
    setId(list, kept, id);
    store<i32>(record(id) + R_IN, kept);
    kept++;
  }
  setWord(H_PENDING_COUNT, kept);
  for (let i: u32 = 0; i < waiting; i++) {
    const id = idAt(ring, <i32>((head + i) & mask));
    if (state(id) != PENDING || load<i32>(record(id) + R_IN) != -1) continue;
    if (canRelist()) relist(id);
    else { store<u8>(record(id) + R_STATE, LIVE); link(id, ef); }
  }
  giveBlock(ring, <usize>size << 3); giveBlock(<usize>word(H_GONE), <usize>size << 2);
  setWord(H_GONE, 0); setWord(H_TAIL_SIZE, 0); setWord(H_GONE_HEAD, 0); setWord(H_GONE_END, 0);
}
