/**
 * The end of a ring: everything it has of us is asked back and waited for, so that no address is
 * given up while the kernel may use it. Reads and sends are cancelled; writes and syncs of files
 * are not: somebody counts on them, and they end by themselves.
 */
import type { Libc } from '../native/libc.ts';
import type { Ring } from './ring.hot.ts';
import type { ConnectionTable } from './uring-connections.hot.ts';
import { FLOW_OPEN } from './uring-connections.hot.ts';
import { CQE_MORE, OP_ASYNC_CANCEL, OP_TIMEOUT, SHUT_RDWR } from './uring-constants.ts';
import {
  KIND_ACCEPT, KIND_BITS, KIND_CANCEL, KIND_DIRECT, KIND_MASK, KIND_RECEIVE, KIND_SEND, KIND_TICK,
  KIND_WAKE, USER_HIGH_QUIET,
} from './uring-loop-parts.ts';

/** Rounds that only look, in a row without anything coming back; nearly all ends in these. */
const QUICK_ROUNDS = 50;
/** Then rounds that wait, a tick each at most, before the rest is given up. */
const WAITING_ROUNDS = 20;

/**
 * Takes everything out of the kernel and closes the connections.
 * @param inFlight operations in the kernel, without sends that tell only of failure
 * @param tickAddress struct timespec of a tick
 * @returns those that did not come back: the memory they have must never be reused
 */
export function drainRing(
  libc: Libc, ring: Ring, table: ConnectionTable, inFlight: number, tickAddress: number,
): number {
  const open = Array.from({ length: table.slotsUsed }, (_, slot) => slot)
    .filter((slot) => ((table.flow[slot] ?? 0) & FLOW_OPEN) !== 0);
  const cancel = (user: number): void => {
    ring.submit(OP_ASYNC_CANCEL, 0, 0, -1, user, 0, 0, KIND_CANCEL, 0);
  };
  for (const slot of open) {
    libc.shutdown(table.descriptor[slot] ?? -1, SHUT_RDWR);
    for (const kind of [KIND_RECEIVE, KIND_DIRECT, KIND_SEND]) cancel((slot << KIND_BITS) | kind);
  }
  cancel(KIND_TICK);
  cancel(KIND_WAKE);
  let left = inFlight;
  for (let idle = 0; left > 0 && idle < QUICK_ROUNDS + WAITING_ROUNDS; idle++) {
    const waits = idle >= QUICK_ROUNDS;
    if (waits) ring.submit(OP_TIMEOUT, 0, 0, -1, tickAddress, 1, 0, KIND_CANCEL, 0);
    if (ring.enter(waits ? 1 : 0) !== 0) break;
    const before = left;
    ring.begin();
    while (ring.next()) left -= countOf(libc, ring);
    ring.end();
    if (left < before) idle = 0;
  }
  for (const slot of open) libc.close(table.descriptor[slot] ?? -1);
  return left;
}

/** 1 when the completion is the last of its operation. */
function countOf(libc: Libc, ring: Ring): number {
  const kind = ring.userLow & KIND_MASK;
  if (kind === KIND_CANCEL || ring.userHigh === USER_HIGH_QUIET) return 0;
  if (kind === KIND_ACCEPT && ring.result >= 0) libc.close(ring.result);
  return (ring.flags & CQE_MORE) === 0 ? 1 : 0;
}
