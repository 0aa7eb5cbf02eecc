/**
 * Makes a ring with the best set-up that the kernel has, and says what it cannot do. Tried in this
 * order: completions only when we enter (DEFER_TASKRUN, 6.1), without interrupting us
 * (COOP_TASKRUN, 5.19), plain. Operations are asked for by the kernel's own probe; flags of
 * operations (multishot) cannot be: they are tried in use, and their refusal is noticed there.
 */
import type { Address, Libc, Mapping } from '../native/libc.ts';
import { Errno } from '../native/libc.ts';
import type { RingLayout } from './ring.hot.ts';
import { Ring } from './ring.hot.ts';
import {
  FEAT_NODROP, FEAT_SINGLE_MMAP, OFFSET_RING, OFFSET_SQES, OP_ACCEPT,
  OP_ASYNC_CANCEL, OP_COUNT, OP_FSYNC, OP_READ, OP_RECV, OP_SEND, OP_SENDMSG, OP_SUPPORTED,
  OP_MSG_RING, OP_TIMEOUT, OP_WRITE,
  REGISTER_BUFFER_RING, REGISTER_PROBE, SETUP_CLAMP, SETUP_COOP_TASKRUN, SETUP_CQSIZE,
  SETUP_DEFER_TASKRUN, SETUP_SINGLE_ISSUER, UNREGISTER_BUFFER_RING,
} from './uring-constants.ts';

/** Submissions and completions that a ring has room for. */
const SUBMIT_ENTRIES = 2048;
const COMPLETE_ENTRIES = 16_384;

const PARAMS_BYTES = 120;
const PROBE_BYTES = 16 + OP_COUNT * 8;
const REGISTRATION_BYTES = 40;
const PAGE_BYTES = 4096;

const SETUPS = Object.freeze([
  { mode: 'defer-taskrun', flags: SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN },
  { mode: 'coop-taskrun', flags: SETUP_COOP_TASKRUN },
  { mode: 'plain', flags: 0 },
]);

/** Operations without which the engine is not offered. */
const OPERATIONS_NEEDED: Readonly<Record<string, number>> = Object.freeze({
  ACCEPT: OP_ACCEPT, ASYNC_CANCEL: OP_ASYNC_CANCEL, READ: OP_READ, RECV: OP_RECV, SEND: OP_SEND,
  TIMEOUT: OP_TIMEOUT,
});
/** Operations with a fallback of the engine. */
const OPERATIONS_WANTED: Readonly<Record<string, number>> = Object.freeze({
  FSYNC: OP_FSYNC, MSG_RING: OP_MSG_RING, SENDMSG: OP_SENDMSG, WRITE: OP_WRITE,
});

/** A ring, and the names of what the kernel refuses and the engine can do without. */
export interface OpenedRing {
  readonly ring: Ring;
  readonly missing: ReadonlySet<string>;
}

/** Parameters of calls that end at once; lives as long as the opening takes. */
interface Parameters {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly address: Address;
}

/**
 * @param refused names of set-ups and operations to do without, for tests
 * @returns the ring, or on one line why there is none
 */
export function openRing(libc: Libc, refused: ReadonlySet<string>): OpenedRing | string {
  const bytes = new Uint8Array(Math.max(PARAMS_BYTES, PROBE_BYTES));
  const view = new DataView(bytes.buffer);
  const parameters: Parameters = { bytes, view, address: libc.addressOf(bytes) };
  let failure = 'every set-up is refused';
  for (const { mode, flags } of SETUPS) {
    if (refused.has(mode)) continue;
    bytes.fill(0);
    view.setUint32(4, COMPLETE_ENTRIES, true);
    view.setUint32(8, flags | SETUP_CQSIZE | SETUP_CLAMP, true);
    const descriptor = libc.io_uring_setup(SUBMIT_ENTRIES, parameters.address);
    if (descriptor < 0) {
      failure = setupFailure(libc.errno());
      continue;
    }
    const ring = mapRing(libc, view, descriptor, mode);
    if (typeof ring === 'string') {
      libc.close(descriptor);
      return ring;
    }
    const missing = probe(libc, parameters, ring, refused);
    if (typeof missing !== 'string') return { ring, missing };
    ring.close();
    return missing;
  }
  return failure;
}

function setupFailure(error: number): string {
  if (error === Errno.EPERM) return 'the system refuses io_uring (EPERM)';
  if (error === Errno.ENOSYS) return 'the kernel has no io_uring (ENOSYS)';
  return `io_uring_setup failed (error ${error})`;
}

function mapRing(
  libc: Libc, view: DataView, descriptor: number, mode: string,
): Ring | string {
  const word = (byte: number): number => view.getUint32(byte, true);
  const needed = FEAT_SINGLE_MMAP | FEAT_NODROP;
  if ((word(20) & needed) !== needed) return 'the kernel has an io_uring older than 5.5';
  const submitEntries = word(0);
  const completeEntries = word(4);
  // Offsets of the two queues begin at bytes 40 and 80 of the parameters.
  const arrayAt = word(40 + 24);
  const completionsAt = word(80 + 20);
  const queueBytes = Math.max(arrayAt + submitEntries * 4, completionsAt + completeEntries * 16);
  const queues = libc.map(descriptor, queueBytes, OFFSET_RING);
  if (queues === null) return `the queues cannot be mapped (error ${libc.errno()})`;
  const submissions = libc.map(descriptor, submitEntries * 64, OFFSET_SQES);
  if (submissions === null) {
    queues.unmap();
    return `the submissions cannot be mapped (error ${libc.errno()})`;
  }
  fillIndices(queues, arrayAt, submitEntries);
  const layout: RingLayout = {
    submitTail: word(44) / 4, submitEntries, submitFlags: word(56) / 4,
    completeHead: word(80) / 4, completeTail: word(84) / 4, completeEntries,
    completions: completionsAt / 4,
  };
  return new Ring(libc, descriptor, mode, layout, [queues, submissions]);
}

/** Entry i of the submission queue is record i, for good. */
function fillIndices(queues: Mapping, arrayAt: number, count: number): void {
  const indices = new Int32Array(queues.buffer, arrayAt, count);
  for (let i = 0; i < count; i++) indices[i] = i;
}

/** Wanted operations that are missing; text when a needed one is. */
function probe(
  libc: Libc, parameters: Parameters, ring: Ring, refused: ReadonlySet<string>,
): ReadonlySet<string> | string {
  const { bytes, view, address } = parameters;
  bytes.fill(0);
  if (libc.io_uring_register(ring.descriptor, REGISTER_PROBE, address, OP_COUNT) < 0) {
    return 'the kernel has an io_uring older than 5.6';
  }
  const has = (name: string, operation: number): boolean =>
    !refused.has(name) && operation <= (bytes[0] ?? 0) &&
    (view.getUint16(16 + operation * 8 + 2, true) & OP_SUPPORTED) !== 0;
  const lacking = Object.entries(OPERATIONS_NEEDED).filter(([name, number]) => !has(name, number));
  const missing = Object.entries(OPERATIONS_WANTED).filter(([name, number]) => !has(name, number));
  if (lacking.length > 0) {
    return `io_uring does not do ${lacking.map(([name]) => name).join(', ')} here`;
  }
  // From here on the parameters hold something else.
  if (refused.has('BUFFER_RING') || !hasBufferRings(libc, parameters, ring)) {
    return 'io_uring has no rings of receive buffers here, which need Linux 5.19';
  }
  return new Set(missing.map(([name]) => name));
}

/** Tries a ring of one buffer, and takes it back. */
function hasBufferRings(libc: Libc, { bytes, view, address }: Parameters, ring: Ring): boolean {
  const pages = new Uint8Array(2 * PAGE_BYTES);
  const pageAt = Math.ceil(libc.addressOf(pages) / PAGE_BYTES) * PAGE_BYTES;
  bytes.fill(0, 0, REGISTRATION_BYTES);
  view.setBigUint64(0, BigInt(pageAt), true);
  view.setUint32(8, 1, true);
  const isThere = libc.io_uring_register(ring.descriptor, REGISTER_BUFFER_RING, address, 1) === 0;
  if (isThere) libc.io_uring_register(ring.descriptor, UNREGISTER_BUFFER_RING, address, 1);
  // Looked at last, so that the pages live until the kernel has let go of them.
  return isThere && pages.length > 0;
}

/** Nothing can be done without a ring that works: the thread ends. */
export function ringFailed(error: number): never {
  throw new Error(`io_uring_enter failed with error ${error}`);
}
