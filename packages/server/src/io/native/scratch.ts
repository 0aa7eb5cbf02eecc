/**
 * The memory of system calls that end at once: socket addresses, option values, names. One block of
 * low memory for all of them, taken when an engine starts and kept as long as the engine, so that
 * no call of the kernel ever writes into memory that somebody else got meanwhile.
 *
 *   | socket address 128 | its length 4 | option 4 | hints 48 | result 8 | name, ends with 0 |
 *   0                    128            132        136        184        192            1280
 *
 * A call's result is read before the next call is made; nothing here survives a call.
 */
import { assert } from '@kora/core';
import type { Address, Libc, NativeMemory } from './libc.ts';

/** Room for any socket address (sockaddr_storage). */
export const SOCKET_ADDRESS_BYTES_MAX = 128;
const LENGTH_OFFSET = SOCKET_ADDRESS_BYTES_MAX;
const OPTION_OFFSET = 132;
const HINTS_OFFSET = 136;
export const HINTS_BYTES = 48;
const RESULT_OFFSET = 184;
const NAME_OFFSET = 192;
const SCRATCH_BYTES = 1280;
/** Longest host name, bytes: DNS allows 253. */
export const HOST_NAME_BYTES_MAX = 1024;

/** Owner: one engine, one thread. */
export class Scratch {
  readonly libc: Libc;
  readonly native: NativeMemory;
  /** Bytes of low memory; `at` and the other offsets are places in it. */
  readonly view: DataView;
  readonly low: Uint8Array;
  readonly addressAt: number;
  readonly lengthAt: number;
  readonly optionAt: number;
  readonly hintsAt: number;
  readonly resultAt: number;
  readonly nameAt: number;

  constructor(libc: Libc, native: NativeMemory) {
    const at = native.memory.lowAllocator.alloc(SCRATCH_BYTES) * 8;
    assert(at !== 0, 'low memory holds the scratch of an engine');
    this.libc = libc;
    this.native = native;
    this.view = native.memory.lowView;
    this.low = native.memory.low;
    this.addressAt = at;
    this.lengthAt = at + LENGTH_OFFSET;
    this.optionAt = at + OPTION_OFFSET;
    this.hintsAt = at + HINTS_OFFSET;
    this.resultAt = at + RESULT_OFFSET;
    this.nameAt = at + NAME_OFFSET;
  }

  /** What the kernel is told for a place of low memory. */
  pointer(at: number): Address {
    return this.native.addressOf(at);
  }

  /** Sets an option whose value is an int; false when the system refuses. */
  setOption(descriptor: number, level: number, name: number, value: number): boolean {
    this.view.setInt32(this.optionAt, value, true);
    const { libc } = this;
    return libc.setsockopt(descriptor, level, name, this.pointer(this.optionAt), 4) === 0;
  }
}
