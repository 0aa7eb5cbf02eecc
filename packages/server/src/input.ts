/**
 * Where received bytes lie. They arrive in the engine's receive region and are parsed there; the
 * rest of an unfinished request moves to a block of low memory of the session's own, which grows by
 * doubling and is freed when the request is complete; what arrives later is appended to it. The
 * bytes of a big argument go from the receive region straight into a rope: their memory grows with
 * what arrives, never with what was announced (W-02), and no request is parsed twice (W-47).
 */
import type { Allocator, Ropes, WorkerMemory } from '@kora/core';
import { BIG_ARGUMENT_BYTES_MIN } from '@kora/core';
import type { RequestParser } from '@kora/protocol';
import { CRLF_BYTES } from '@kora/protocol';
import type { Session } from './session.ts';

/** Smallest block of a session. */
const BLOCK_BYTES_MIN = 1024;
/**
 * Blocks of all sessions at once. Beside the reply chunks it fits the low memory of a server, so
 * that neither takes the other's; a block that doubles counts twice for a moment, so one session
 * can keep 128 MiB of arguments that are not big.
 */
export const INPUT_BYTES_MAX = 320 * 1024 * 1024;

export class Input {
  readonly #memory: WorkerMemory;
  readonly #allocator: Allocator;
  readonly #ropes: Ropes;
  /** Bytes of all blocks. */
  #blockBytes = 0;

  constructor(memory: WorkerMemory, ropes: Ropes) {
    this.#memory = memory;
    this.#allocator = memory.lowAllocator;
    this.#ropes = ropes;
  }

  /**
   * Appends received bytes to those the session has kept.
   * @returns false when there is no memory for them; nothing was appended then
   */
  append(session: Session, at: number, bytes: number): boolean {
    if (!this.#ensureBlock(session, session.inputBytes + bytes)) return false;
    this.#memory.kernel.copy(session.inputRef * 8 + session.inputBytes, at, bytes);
    session.inputBytes += bytes;
    return true;
  }

  /** Makes the session's block at least this long; its parser follows when the block moves. */
  #ensureBlock(session: Session, bytes: number): boolean {
    if (bytes <= session.inputCapacity) return true;
    let capacity = Math.max(session.inputCapacity * 2, BLOCK_BYTES_MIN);
    while (capacity < bytes) capacity *= 2;
    if (this.#blockBytes + capacity > INPUT_BYTES_MAX) return false;
    const ref = this.#allocator.alloc(capacity);
    if (ref === 0) return false;
    const old = session.inputRef;
    this.#blockBytes += this.#allocator.sizeOf(ref) - session.inputCapacity;
    if (old !== 0) {
      this.#memory.kernel.copy(ref * 8, old * 8, session.inputBytes);
      session.parser?.relocate((ref - old) * 8);
      this.#allocator.free(old);
    }
    session.inputRef = ref;
    session.inputCapacity = this.#allocator.sizeOf(ref);
    return true;
  }

  /**
   * Keeps [start, end) as the session's only kept bytes. `parser` is moved along when it has a
   * frame there.
   * False when there is no memory; nothing is kept then.
   */
  keep(session: Session, parser: RequestParser | null, start: number, end: number): boolean {
    const bytes = end - start;
    const blockAt = session.inputRef * 8;
    const isInBlock =
      session.inputRef !== 0 && start >= blockAt && start <= blockAt + session.inputCapacity;
    if (!isInBlock) {
      // A block of before holds nothing that is still needed: the frame lies in the receive region.
      this.release(session);
      if (!this.#ensureBlock(session, bytesWanted(parser, start, bytes))) return false;
    }
    const to = session.inputRef * 8;
    if (to !== start) {
      this.#memory.kernel.copy(to, start, bytes);
      parser?.relocate(to - start);
    }
    session.inputBytes = bytes;
    return true;
  }

  /** Frees the session's block. */
  release(session: Session): void {
    if (session.inputRef === 0) return;
    this.#allocator.free(session.inputRef);
    this.#blockBytes -= session.inputCapacity;
    session.inputRef = 0;
    session.inputCapacity = 0;
    session.inputBytes = 0;
  }

  /**
   * Moves bytes of the announced big argument from [from, end) into its rope.
   * @returns bytes taken, or -1 when memory is short: then nothing of the argument is left
   */
  takeBig(session: Session, announced: number, from: number, end: number): number {
    const bytes = Math.min(announced - session.bigArrived, end - from);
    if (bytes === 0) return 0;
    let root = session.bigRoot;
    if (root === 0) {
      root = this.#ropes.create(bytes);
      if (root !== 0) this.#ropes.write(root, 0, from, bytes);
    } else {
      root = this.#ropes.appendFrom(root, from, bytes);
    }
    if (root === 0) {
      this.dropBig(session);
      return -1;
    }
    session.bigRoot = root;
    session.bigArrived += bytes;
    session.bigHeldBytes += bytes;
    return bytes;
  }

  /** The complete rope; the parser owns it now. */
  giveBig(session: Session): number {
    const root = session.bigRoot;
    session.bigRoot = 0;
    session.bigArrived = 0;
    return root;
  }

  /** Frees a big argument that is still arriving. */
  dropBig(session: Session): void {
    if (session.bigRoot !== 0) this.#ropes.free(session.bigRoot);
    session.bigRoot = 0;
    session.bigArrived = 0;
  }

  /**
   * Frees everything a session received and nobody took, the ropes of an unfinished frame included.
   * @param parser the one that may hold a frame of the session: its own, or the shared one in its
   * turn
   */
  drop(session: Session, parser: RequestParser | null): void {
    this.dropBig(session);
    if (parser !== null) {
      for (let i = 0; i < parser.argc; i++) {
        const at = parser.argAt[i] ?? 0;
        if (at < 0) this.#ropes.free(-at - 1);
      }
      parser.reset();
    }
    session.parser = null;
    session.bigHeldBytes = 0;
    this.release(session);
  }
}

/**
 * Room for kept bytes that begin at `start`: with the rest of a bulk that is awaited, so that the
 * block does not move again, but never for what a peer merely announced.
 */
function bytesWanted(parser: RequestParser | null, start: number, bytes: number): number {
  if (parser === null || parser.isIdle) return bytes;
  const { pendingBytes, position } = parser;
  if (pendingBytes < 0 || pendingBytes >= BIG_ARGUMENT_BYTES_MIN) return bytes;
  return Math.max(bytes, position - start + pendingBytes + CRLF_BYTES);
}
