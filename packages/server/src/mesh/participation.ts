/**
 * This worker's shard as a participant in transactions over several shards: intents come out of the
 * rings or from the own coordinator, wait for their locks, run as internal clients, and answer with
 * RESP bytes. What an intent needs to run is held back when it votes, so that it cannot fail later.
 */
import type { ClientState, Command, Executor, ParticipantPort, Shard, SlotLocks } from '@kora/core';
import {
  ArgFrame, assert, ClientFlag, copyBytesToWords, Flag, Intent, IntentForm, IntentQueue, Outcome,
  INTENT_LOCK_COUNT_MAX, Participant, ReplyError, replyErrors, SlotSet, WholeLock,
} from '@kora/core';
import type { ReplyChunk, ReplyChunks } from '../reply-chunks.ts';
import type { ReplyTarget } from '../resp-sink.ts';
import { RespSink } from '../resp-sink.ts';
import { ForeignWatches } from './foreign-watches.ts';
import type { ForeignMemory } from './foreign-memory.ts';
import { CargoStore } from './cargo-store.ts';
import { LedParts } from './led-parts.ts';
import type { MeshPort, Peer } from './mesh-port.ts';
import {
  CALL_COMMAND_BITS, CALL_COMMAND_MASK, CALL_DB_MASK, CALL_NO_TOUCH, CALL_UNCOUNTED, KIND_ACCEPT,
  KIND_ANSWER, KIND_INTENT, KIND_PIECE,
} from './message-kinds.ts';
import {
  PartBlocks, PART_EXEC, PART_GROWS, PART_LEADS, PART_LENDS, PART_MOVES, PART_RESP3, PART_STAGED,
  PART_WATCHES,
} from './part-block.ts';
import type { ProcessParts } from './process-parts.ts';
import type { RecordBlock } from './record-block.ts';
import { ReplyBytes } from './reply-bytes.ts';
import { BlockSender } from './send-block.ts';

/** What an intent is about: its block, and what is held for it. */
export interface PartPayload {
  /** Block of low memory, 0 once it has run. */
  ref: number;
  heldPages: number;
  /** Of a staged leader: it has named its keys, and runs next. */
  hasNamed: boolean;
  /** The block is a message: the ring's. */
  isLent: boolean;
}

/** Hears the answers of the own shard. */
export interface OwnAnswers {
  onOwnAnswer(handle: number, isAccepted: boolean, reply: ReplyBytes): void;
  /** The own shard has led a command: records of what it changed of another shard's keys. */
  onOwnChanges(handle: number, shard: number, at: number, bytes: number): void;
}

/** Bytes of an entry beside key and value, and pages for what grows beside it, as an estimate. */
const ENTRY_OVERHEAD_BYTES = 64;
const BESIDE_BYTES = 256 * 1024;
const BLOCKS_PER_ARGUMENT = 2;
/** Parts of a command that one shard runs for several. */
const PART_LED = PART_LEADS | PART_LENDS | PART_MOVES;
/**
 * What a key may grow by that another shard changes: so many times its bytes as a record, where an
 * entry of a stream that is to become a pending one takes few; and in blocks.
 */
const GROWTH_SHARE = 16;
const GROWTH_BLOCKS = 64;

export class Participation implements ParticipantPort<PartPayload>, ReplyTarget {
  /** Version of the reply under way. */
  resp = 2;
  readonly intents: IntentQueue<PartPayload>;
  /** Of parts that run at once. */
  readonly #direct = new Intent<PartPayload>();
  readonly participant: Participant<PartPayload>;
  /** What clients watch here by commands over several shards. */
  readonly watches: ForeignWatches;
  readonly #shard: Shard;
  readonly #executor: Executor;
  readonly #port: MeshPort;
  readonly #foreign: ForeignMemory;
  readonly #blocks: PartBlocks;
  readonly #sink: RespSink;
  readonly #frame: ArgFrame;
  readonly #client: ClientState;
  readonly #process: ProcessParts;
  /** What a part that depends on watched keys locks. */
  readonly #wanted = new SlotSet(INTENT_LOCK_COUNT_MAX);
  readonly #wantedLocks = new Uint16Array(INTENT_LOCK_COUNT_MAX);
  readonly #led: LedParts;
  readonly #sender: BlockSender;
  /** Records that came ahead of the words to run. */
  readonly cargo: CargoStore;
  #own: OwnAnswers | undefined;
  /** The reply under way: whose transaction it is of, and its bytes when that is the own one. */
  #peer: Peer | undefined;
  #handle = 0;
  #blocksNeeded = 0;
  #reply: ReplyBytes;

  constructor(
    shard: Shard, executor: Executor, chunks: ReplyChunks, port: MeshPort, locks: SlotLocks,
    foreign: ForeignMemory, process: ProcessParts,
  ) {
    this.#process = process;
    this.#client = process.client;
    this.#led = new LedParts(shard, executor, process.client);
    this.#sender = new BlockSender(shard.memory, port);
    this.cargo = new CargoStore(shard.memory);
    this.#shard = shard;
    this.#executor = executor;
    this.#port = port;
    this.watches = new ForeignWatches(shard);
    this.#foreign = foreign;
    this.#blocks = new PartBlocks(shard);
    this.#frame = new ArgFrame(shard.memory, this.#client);
    this.#sink = new RespSink(shard.memory, chunks, this, Infinity);
    this.#reply = new ReplyBytes(shard.memory);
    this.participant = new Participant(this);
    this.intents = new IntentQueue({
      workerCount: port.control.workerCount, locks, host: this.participant,
    });
    this.participant.bind(this.intents);
  }

  /** Keys of other shards that are here now: none between calls. */
  get borrowedCount(): number {
    return this.#led.borrowedCount;
  }

  /** Who hears the answers of this shard to its own worker; once. */
  attach(own: OwnAnswers): void {
    this.#own = own;
  }

  /** Takes the intent that is a peer's current ordered message. False: no memory now, ask again. */
  receive(peer: Peer): boolean {
    const { words, bodyAt, bodyBytes, kind, a } = peer.orderedIn;
    const isInline = kind === KIND_INTENT;
    if (isInline && this.#runsAtOnce(bodyAt / 8)) {
      this.#runAtOnce(peer.index, a, bodyAt / 8, true);
      return true;
    }
    const bytes = isInline ? bodyBytes : words[(bodyAt >>> 2) + 1] ?? 0;
    const { memory } = this.#shard;
    const ref = memory.lowAllocator.alloc(bytes);
    if (ref === 0) return false;
    if (isInline) {
      memory.kernel.copy(ref * 8, bodyAt, bytes);
    } else {
      const at = words[bodyAt >>> 2] ?? 0;
      copyBytesToWords(this.#foreign.words(peer.index, at + bytes), at, memory.i32, ref * 2, bytes);
      this.#port.sendWords(peer, KIND_ACCEPT, words[(bodyAt >>> 2) + 2] ?? 0, 0, 0, 0, 0);
    }
    this.admit(peer.index, a, ref);
    return true;
  }

  /** True for a part that cannot fail while nothing is locked: it needs no place in the queue. */
  #runsAtOnce(ref: number): boolean {
    return this.intents.locks.count === 0 && this.#blocks.formOf(ref) === IntentForm.RunAtGrant;
  }

  #runAtOnce(coordinator: number, handle: number, ref: number, isLent: boolean): void {
    const intent = this.#direct;
    intent.coordinator = coordinator;
    intent.handle = handle;
    intent.transaction = this.#blocks.transactionOf(ref);
    intent.payload = { ref, heldPages: 0, hasNamed: false, isLent };
    this.run(intent);
    this.answer(intent, true);
  }

  /** An intent whose part lies in a block of this shard's low memory, which it owns from now on. */
  admit(coordinator: number, handle: number, ref: number): void {
    const blocks = this.#blocks;
    if (this.#runsAtOnce(ref)) {
      this.#runAtOnce(coordinator, handle, ref, false);
      return;
    }
    const intent = this.intents.open(
      coordinator, handle, blocks.transactionOf(ref), blocks.formOf(ref),
    );
    intent.payload = { ref, heldPages: 0, hasNamed: false, isLent: false };
    const whole = blocks.wholeOf(ref);
    const locks = blocks.locksOf(ref);
    if (whole !== WholeLock.None) this.intents.lockWhole(intent, whole);
    else if ((blocks.flagsOf(ref) & PART_WATCHES) !== 0) this.#lockWatched(intent, ref, locks);
    else this.intents.lockSlots(intent, locks, 0, locks.length);
    this.intents.admit(intent);
  }

  /**
   * The part also reads what its client watches here: a transaction before it that changes such a
   * key runs before the part is asked whether one has changed, and one behind it waits.
   */
  #lockWatched(intent: Intent<PartPayload>, ref: number, locks: Uint16Array): void {
    const wanted = this.#wanted;
    wanted.clear();
    for (const lock of locks) wanted.addSlot(lock >> 1, (lock & 1) === 1);
    this.watches.addSlots(intent.coordinator, this.#blocks.clientIdOf(ref), wanted);
    const whole = wanted.whole();
    if (whole !== WholeLock.None) {
      this.intents.lockWhole(intent, whole);
      return;
    }
    wanted.sort();
    wanted.copyLocks(this.#wantedLocks);
    this.intents.lockSlots(intent, this.#wantedLocks, 0, wanted.count);
  }

  // ------------------------------------------------------------------ parts

  prepare(intent: Intent<PartPayload>): boolean {
    const payload = this.#begin(intent);
    const shard = this.#shard;
    if (shard.failure !== null) return this.#refuse(replyErrors.stopped);
    if ((this.#blocks.flagsOf(payload.ref) & PART_LED) !== 0) return this.#prepareLed(payload);
    const flags = this.#blocks.flagsOf(payload.ref);
    const clientId = this.#blocks.clientIdOf(payload.ref);
    if ((flags & PART_WATCHES) !== 0 && this.watches.takeDirty(intent.coordinator, clientId)) {
      this.#sink.nullArray();
      return false;
    }
    const isOwn = intent.coordinator === this.#port.me;
    const needed = this.#votes(payload, (flags & PART_EXEC) !== 0, isOwn);
    if (needed <= 0) return needed === 0;
    if (shard.settings.maxmemoryBytes !== 0 && !shard.ensureMemory()) {
      return this.#refuse(replyErrors.outOfMemory);
    }
    payload.heldPages = shard.memory.arenaAllocator.hold(this.#blocksNeeded, needed);
    return payload.heldPages > 0 || this.#refuse(replyErrors.arenaFull);
  }

  /**
   * Asks the conditions of the part.
   * @returns bytes it may need at most, 0 = none; -1: refused, the reply says so. Blocks are in
   *   #blocksNeeded
   */
  #votes(payload: PartPayload, isExec: boolean, isOwn: boolean): number {
    const frame = this.#frame;
    let bytes = 0;
    this.#blocksNeeded = 0;
    for (this.#blocks.rewind(payload.ref); this.#next();) {
      const command = this.#command();
      if (!isExec) {
        assert(command.parse(frame) === null, 'a part of what has parsed parses');
        const error = this.#process.vote(command, frame, isOwn);
        if (error !== null) {
          this.#sink.error(error);
          return -1;
        }
        if (!command.vote(this.#shard, frame)) {
          this.#sink.integer(0);
          return -1;
        }
      }
      if ((command.flags & Flag.DenyOom) === 0) continue;
      if (bytes === 0) bytes = BESIDE_BYTES;
      this.#blocksNeeded += frame.count * BLOCKS_PER_ARGUMENT;
      for (let i = 1; i < frame.count; i++) bytes += (frame.bytes[i] ?? 0) + ENTRY_OVERHEAD_BYTES;
    }
    return bytes;
  }

  run(intent: Intent<PartPayload>): boolean {
    const payload = this.#begin(intent);
    this.#letGo(payload);
    const blocks = this.#blocks;
    if ((blocks.flagsOf(payload.ref) & PART_LED) !== 0) return this.#runLed(intent, payload);
    // All parts see the deadlines of one instant.
    this.#shard.atInstant(blocks.nowMsOf(payload.ref), () => {
      this.#runAll(intent, payload);
    });
    this.#free(payload);
    return true;
  }

  #runAll({ coordinator }: Intent<PartPayload>, { ref }: PartPayload): void {
    for (this.#blocks.rewind(ref); this.#next();) {
      const command = this.#command();
      if (command.name === 'watch') {
        const clientId = this.#blocks.clientIdOf(ref);
        const refusal = this.watches.watch(coordinator, clientId, this.#frame);
        if (refusal === null) this.#sink.ok();
        else this.#sink.error(refusal);
        continue;
      }
      if (this.#process.has(command)) {
        const clientId = this.#blocks.clientIdOf(ref);
        const isOwn = coordinator === this.#port.me;
        this.#process.run(command, this.#frame, this.#sink, clientId, isOwn);
        continue;
      }
      const outcome = this.#executor.run(command, this.#frame, this.#sink);
      assert(outcome === Outcome.Done, 'what runs inside does not wait');
      const isCounted = (this.#blocks.call & CALL_UNCOUNTED) === 0;
      if (!isCounted) this.#shard.stats.countCall(command.index, -1);
    }
  }

  /** The locks go; what a part holds that had nothing more to do goes with them. */
  release(coordinator: number, handle: number): void {
    this.abort(this.intents.find(coordinator, handle));
    this.participant.onRelease(coordinator, handle);
  }

  abort(intent: Intent<PartPayload>): void {
    const { payload } = intent;
    assert(payload !== null, 'an intent under way has its part');
    this.#letGo(payload);
    this.#free(payload);
    this.cargo.drop(intent.coordinator, intent.handle);
  }

  answer(intent: Intent<PartPayload>, isAccepted: boolean): void {
    this.#sink.flush();
    const { coordinator, handle } = intent;
    if (coordinator === this.#port.me) {
      const reply = this.#reply;
      this.#reply = new ReplyBytes(this.#shard.memory);
      this.#own?.onOwnAnswer(handle, isAccepted, reply);
      return;
    }
    const peer = this.#port.peer(coordinator);
    this.#port.sendWords(peer, KIND_ANSWER, handle, isAccepted ? 1 : 0, 0, 0, 0);
  }

  // ------------------------------------------------------------------ led parts

  /** Records that a coordinator sends ahead of the word to run: the current message of a peer. */
  takeCargo(peer: Peer): void {
    const { a, b, bodyAt, bodyBytes } = peer.repliesIn;
    if (b === 0) this.cargo.add(peer.index, a, bodyAt, bodyBytes);
    else this.cargo.lose(peer.index, a);
  }

  /** The part votes with what it lends, and holds what its keys may need later. */
  #prepareLed(payload: PartPayload): boolean {
    const flags = this.#blocks.flagsOf(payload.ref);
    if ((flags & PART_LEADS) !== 0) return true;
    const lent = this.#led.lend(payload.ref, flags);
    if (lent instanceof ReplyError) return this.#refuse(lent);
    if ((flags & PART_GROWS) !== 0) {
      const { arenaAllocator } = this.#shard.memory;
      const bytes = BESIDE_BYTES + lent.byteCount * GROWTH_SHARE;
      payload.heldPages = arenaAllocator.hold(GROWTH_BLOCKS, bytes);
      if (payload.heldPages === 0) {
        lent.free();
        return this.#refuse(replyErrors.arenaFull);
      }
    }
    this.#deliver(0, lent);
    return true;
  }

  #runLed(intent: Intent<PartPayload>, payload: PartPayload): boolean {
    const { coordinator, handle } = intent;
    const { ref } = payload;
    const flags = this.#blocks.flagsOf(ref);
    const led = this.#led;
    const cargo = this.cargo.take(coordinator, handle);
    const isStaged = (flags & PART_STAGED) !== 0;
    if (isStaged && (flags & PART_LEADS) === 0) {
      const lent = led.lendNamed(ref, cargo);
      cargo?.free();
      if (lent instanceof ReplyError) return false;
      this.#deliver(0, lent);
      return true;
    }
    if (isStaged && !payload.hasNamed) {
      payload.hasNamed = true;
      const hasNamed = led.nameKeys(ref, cargo);
      if (cargo !== null) this.cargo.keep(coordinator, handle, cargo);
      this.#deliverChanges();
      return hasNamed;
    }
    if ((flags & PART_LEADS) === 0) {
      led.settle(ref, flags, cargo, this.#sink);
    } else {
      led.lead(ref, cargo, this.#sink);
      this.#sink.flush();
      this.#deliverChanges();
    }
    cargo?.free();
    if (!isStaged) this.#free(payload);
    return true;
  }

  #deliverChanges(): void {
    const { changes } = this.#led;
    for (const [shard, block] of changes) this.#deliver(1 + shard, block);
    changes.clear();
  }

  /** Sends records to the coordinator of the intent under way. @param channel b of their pieces */
  #deliver(channel: number, block: RecordBlock): void {
    const { at, byteCount } = block;
    const peer = this.#peer;
    if (peer !== undefined && byteCount > 0) {
      this.#sender.send(peer, KIND_PIECE, this.#handle, channel, block.take(), byteCount);
      return;
    }
    if (byteCount > 0 && channel > 0) {
      this.#own?.onOwnChanges(this.#handle, channel - 1, at, byteCount);
    } else {
      this.#reply.add(at, byteCount);
    }
    block.free();
  }

  /** What is written next is the answer of this intent. */
  #begin(intent: Intent<PartPayload>): PartPayload {
    const { payload, coordinator } = intent;
    assert(payload !== null, 'an intent under way has its part');
    const flags = this.#blocks.flagsOf(payload.ref);
    this.resp = (flags & PART_RESP3) === 0 ? 2 : 3;
    const client = this.#client;
    client.resp = this.resp;
    client.flags = ClientFlag.Internal;
    if ((flags & PART_EXEC) !== 0) client.flags |= ClientFlag.InExec;
    this.#peer = coordinator === this.#port.me ? undefined : this.#port.peer(coordinator);
    this.#handle = intent.handle;
    this.#sink.begin(this);
    return payload;
  }

  /** The next command of the part is in the frame, its client set. */
  #next(): boolean {
    if (!this.#blocks.next(this.#frame)) return false;
    const { call } = this.#blocks;
    const client = this.#client;
    client.db = (call >>> CALL_COMMAND_BITS) & CALL_DB_MASK;
    if ((call & CALL_NO_TOUCH) === 0) client.flags &= ~ClientFlag.NoTouch;
    else client.flags |= ClientFlag.NoTouch;
    return true;
  }

  #command(): Command {
    const command = this.#executor.registry.commands[this.#blocks.call & CALL_COMMAND_MASK];
    assert(command !== undefined, 'workers have the same commands');
    return command;
  }

  #refuse(error: ReplyError): boolean {
    this.#sink.error(error);
    return false;
  }

  #letGo(payload: PartPayload): void {
    this.#shard.memory.arenaAllocator.letGo(payload.heldPages);
    payload.heldPages = 0;
  }

  #free(payload: PartPayload): void {
    if (payload.ref !== 0 && !payload.isLent) this.#shard.memory.lowAllocator.free(payload.ref);
    payload.ref = 0;
  }

  // ------------------------------------------------------------------ replies

  sendRange(chunk: ReplyChunk, at: number, bytes: number): boolean {
    const peer = this.#peer;
    if (peer !== undefined) {
      return this.#port.sendBytes(
        peer, KIND_PIECE, this.#handle, 0, 0, chunk, at, bytes, this.#sink,
      );
    }
    this.#reply.add(at, bytes);
    return true;
  }

  lendRange(): void {
    assert(false, 'parts copy long values');
  }

  loseOutput(): void {
    this.#reply.isLost = true;
  }
}
