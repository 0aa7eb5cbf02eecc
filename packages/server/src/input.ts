/**
 * Where received bytes lie. They arrive in the engine's receive region and are parsed there; the
 * rest of an unfinished request moves to a block of low memory of the session's own, which grows by
 * doubling and is freed when the request is complete; what arrives later is appended to it. The
 * bytes of a big argument go from the receive region straight into a rope: their memory grows with
 * what arrives, never with what was announced, and no request is parsed twice.
 *
 * While much of a big argument is missing, its next piece, the landing, is received where it will
 * stay: the engine fills the block, the rope adopts it. The range asked for is the engine's until
 * it names it, names bytes in the receive region that had come before, or the connection is gone.
 *
 *   none --ask--> landing --full--> adopted, ask again    rope + landing = what has arrived
 *                    '--bytes in the receive region--> what it holds moves to the rope --> none
 *
 * A session that has just sent a big argument is likely to send another: the head of its next
 * request is received alone into a small block, so that hardly a byte of the argument needs a copy.
 */
import type { Allocator, Ropes, WorkerMemory } from '@kora/core';
import { assert, BIG_ARGUMENT_BYTES_MIN, ROPE_PIECE_BYTES } from '@kora/core';
import type { RequestParser } from '@kora/protocol';
import { CRLF_BYTES } from '@kora/protocol';
import type { Session } from './session.ts';

/** Bytes received alone after a big argument: its end, or the head of the next request. */
export const HEAD_BYTES = 512;
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
    if (session.landingRef !== 0 && !this.#endLanding(session)) return -1;
    let root = session.bigRoot;
    if (root === 0) {
      root = this.#ropes.create(bytes, announced);
      if (root !== 0) this.#ropes.write(root, 0, from, bytes);
    } else {
      root = this.#ropes.appendFrom(root, from, bytes, announced);
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
    session.hasSentBig = true;
    session.expectsBig = true;
    return root;
  }

  /** Frees a big argument that is still arriving; its landing stays while the engine has it. */
  dropBig(session: Session): void {
    if (session.bigRoot !== 0) this.#ropes.free(session.bigRoot);
    session.bigRoot = 0;
    session.bigArrived = 0;
  }

  /**
   * Asks the engine to receive the next piece of the big argument where it will stay. Only while as
   * much is missing as fills the piece, and when as much has arrived as is taken in advance, or
   * the peer has sent a big argument to its end before.
   */
  askForBig(session: Session, announced: number): void {
    const { bigArrived, bigRoot } = session;
    if (bigRoot === 0 || session.landingRef !== 0 || session.isHeadAsked) return;
    if (session.isClosing || (bigArrived < ROPE_PIECE_BYTES && !session.hasSentBig)) return;
    const tail = bigArrived % ROPE_PIECE_BYTES;
    if (announced - bigArrived < ROPE_PIECE_BYTES - tail) return;
    const piece = this.#ropes.takePiece();
    if (piece === 0) return;
    const { engine } = session.worker;
    if (!engine.receiveInto(session.slot, piece * 8 + tail, ROPE_PIECE_BYTES - tail)) {
      this.#ropes.givePiece(piece);
      return;
    }
    if (tail > 0) {
      this.#ropes.read(bigRoot, bigArrived - tail, piece * 8, tail);
      session.bigRoot = this.#ropes.resize(bigRoot, bigArrived - tail);
    }
    session.landingRef = piece;
    session.landingBytes = tail;
  }

  /**
   * Asks the engine to receive a few bytes alone: what follows them may be a big argument. The
   * block is the engine's until the session's next bytes, wherever they lie.
   */
  askForHead(session: Session): void {
    if (session.isHeadAsked || session.landingRef !== 0 || session.isClosing) return;
    if (session.headRef === 0) {
      session.headRef = this.#allocator.alloc(HEAD_BYTES);
      if (session.headRef === 0) return;
    }
    const { engine } = session.worker;
    session.isHeadAsked = engine.receiveInto(session.slot, session.headRef * 8, HEAD_BYTES);
    if (!session.isHeadAsked) this.closeHead(session);
  }

  /** Frees the block of a head: the connection is gone, or the range is not the engine's. */
  closeHead(session: Session): void {
    session.isHeadAsked = false;
    if (session.headRef === 0) return;
    this.#allocator.free(session.headRef);
    session.headRef = 0;
  }

  /** True when bytes that arrive at `at` are in the session's landing. */
  isLanding(session: Session, at: number): boolean {
    return session.landingRef !== 0 && at === session.landingRef * 8 + session.landingBytes;
  }

  /**
   * `bytes` more bytes of the big argument are in its landing; asks for what follows.
   * @returns false when memory is short: then nothing of the argument is left
   */
  land(session: Session, announced: number, bytes: number): boolean {
    assert(session.bigRoot !== 0, 'a landing is the end of a big argument');
    const landed = session.landingBytes + bytes;
    assert(landed <= ROPE_PIECE_BYTES, 'the engine keeps to the range it was given');
    session.landingBytes = landed;
    session.bigArrived += bytes;
    session.bigHeldBytes += bytes;
    const piece = session.landingRef;
    if (landed < ROPE_PIECE_BYTES) {
      const { engine } = session.worker;
      const rest = ROPE_PIECE_BYTES - landed;
      if (engine.receiveInto(session.slot, piece * 8 + landed, rest)) return true;
      return this.#endLanding(session);
    }
    const root = this.#ropes.adoptPiece(session.bigRoot, piece);
    if (root === 0) {
      this.dropBig(session);
      this.closeLanding(session);
      return false;
    }
    session.bigRoot = root;
    session.landingRef = 0;
    session.landingBytes = 0;
    if (session.bigArrived === announced) this.askForHead(session);
    else this.askForBig(session, announced);
    return true;
  }

  /**
   * The engine gave the range back before it was full: what the landing holds moves to the rope.
   * False when memory is short: the argument is gone.
   */
  #endLanding(session: Session): boolean {
    const { bigRoot, landingBytes, landingRef } = session;
    if (landingBytes > 0) {
      const root = this.#ropes.appendFrom(bigRoot, landingRef * 8, landingBytes);
      if (root === 0) this.dropBig(session);
      else session.bigRoot = root;
    }
    this.closeLanding(session);
    return session.bigRoot !== 0;
  }

  /** Frees the landing: the connection is gone, or the engine has given the range back. */
  closeLanding(session: Session): void {
    if (session.landingRef === 0) return;
    this.#ropes.givePiece(session.landingRef);
    session.landingRef = 0;
    session.landingBytes = 0;
  }

  /**
   * Frees everything a session received and nobody took, the ropes of an unfinished frame included;
   * not its landing, which may be the engine's still.
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
