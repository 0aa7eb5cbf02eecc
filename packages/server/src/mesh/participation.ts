/**
 * This worker's shard as a participant in transactions over several shards: intents come out of the
 * rings or from the own coordinator, wait for their locks, run as internal clients, and answer with
 * RESP bytes. What an intent needs to run is held back when it votes, so that it cannot fail later.
 */
import type { Executor, ParticipantPort, Shard, SlotLocks } from '@kora/core';
import {
  assert, copyBytesToWords, Intent, IntentForm, IntentQueue, INTENT_LOCK_COUNT_MAX, LockedKeys,
  Outcome, Participant, readerOf, ReplyError, replyErrors, SlotSet, WholeLock,
} from '@kora/core';
import type { ReplyChunk, ReplyChunks } from '../reply-chunks.ts';
import type { ReplyTarget } from '../resp-sink.ts';
import { RespSink } from '../resp-sink.ts';
import { ForeignWatches } from './foreign-watches.ts';
import type { ForeignMemory } from './foreign-memory.ts';
import { CargoStore } from './cargo-store.ts';
import { LedParts } from './led-parts.ts';
import type { MeshPort, Peer } from './mesh-port.ts';
import { KIND_ACCEPT, KIND_ANSWER, KIND_INTENT, KIND_PIECE } from './message-kinds.ts';
import type { PartBlocks } from './part-block.ts';
import {
  PART_GROWS, PART_LEADS, PART_LENDS, PART_MOVES, PART_RESP3, PART_SCRIPT, PART_WAITS, PART_WATCHES,
} from './part-block.ts';
import { PartCursor } from './part-cursor.ts';
import { BESIDE_BYTES, PartVotes } from './part-votes.ts';
import type { ProcessParts } from './process-parts.ts';
import type { RecordBlock } from './record-block.ts';
import { ReplyBytes } from './reply-bytes.ts';
import { runWithRoom } from './reply-room.ts';
import type { ScriptHost, ScriptPlace } from './script-parts.ts';
import { ScriptParts } from './script-parts.ts';
import { respOf } from './script-words.ts';
import { BlockSender } from './send-block.ts';
import type { WaitParts } from './wait-parts.ts';
import type { LoggedPart, PartLog } from '../store/part-log.ts';

/** What an intent is about: its block, and what is held for it. */
export interface PartPayload {
  /** Block of low memory, 0 once it has run. */
  ref: number;
  heldPages: number;
  /** Of a part that has voted and runs in steps, else null. */
  script: ScriptPlace | null;
  /** The block is a message: the ring's. */
  isLent: boolean;
  /** What the log has of it, null where there is none (store/part-log.ts). */
  logged: LoggedPart | null;
}

/** Hears the answers of the own shard. */
export interface OwnAnswers {
  onOwnAnswer(handle: number, isAccepted: boolean, reply: ReplyBytes): void;
  /** Records of the own shard's part, about keys of some shard (key-records.ts). */
  onOwnRecords(handle: number, shard: number, at: number, bytes: number): void;
}

/** Parts of a command that one shard runs for several. */
const PART_LED = PART_LEADS | PART_LENDS | PART_MOVES;
/**
 * What a key may grow by that another shard changes: so many times its bytes as a record, where an
 * entry of a stream that is to become a pending one takes few; and in blocks.
 */
const GROWTH_SHARE = 16;
const GROWTH_BLOCKS = 64;

export class Participation implements ParticipantPort<PartPayload>, ReplyTarget, ScriptHost {
  /** Version of the reply under way. */
  resp = 2;
  readonly intents: IntentQueue<PartPayload>;
  /** Of parts that run at once. */
  readonly #direct = new Intent<PartPayload>();
  readonly participant: Participant<PartPayload>;
  /** What clients watch here by commands over several shards. */
  readonly watches: ForeignWatches;
  readonly scripts: ScriptParts;
  readonly #shard: Shard;
  readonly #executor: Executor;
  readonly #port: MeshPort;
  readonly #foreign: ForeignMemory;
  readonly #cursor: PartCursor;
  readonly #blocks: PartBlocks;
  readonly #sink: RespSink;
  readonly #votes: PartVotes;
  readonly #process: ProcessParts;
  /** What a part that depends on watched keys locks. */
  readonly #wanted = new SlotSet(INTENT_LOCK_COUNT_MAX);
  readonly #wantedLocks = new Uint16Array(INTENT_LOCK_COUNT_MAX);
  readonly #led: LedParts;
  readonly #sender: BlockSender;
  /** Records that came ahead of the words to run. */
  readonly cargo: CargoStore;
  /** Who waits for keys of this shard; its log, null where there is none. Set once. */
  waits: WaitParts | null = null;
  log: PartLog | null = null;
  #own: OwnAnswers | undefined;
  /** The reply under way: whose transaction it is of, and its bytes when that is the own one. */
  #peer: Peer | undefined;
  #handle = 0;
  #reply: ReplyBytes;

  constructor(
    shard: Shard, executor: Executor, chunks: ReplyChunks, port: MeshPort, locks: SlotLocks,
    foreign: ForeignMemory, process: ProcessParts,
  ) {
    this.#process = process;
    this.#cursor = new PartCursor(shard, executor.registry, process.client);
    this.#blocks = this.#cursor.blocks;
    this.#led = new LedParts(shard, executor, this.#cursor);
    this.#sender = new BlockSender(shard.memory, port);
    this.cargo = new CargoStore(shard.memory);
    this.#shard = shard;
    this.#executor = executor;
    this.#port = port;
    this.watches = new ForeignWatches(shard);
    this.#foreign = foreign;
    this.#sink = new RespSink(shard.memory, chunks, this, Infinity);
    this.#votes = new PartVotes(shard, process, this.#cursor, this.#sink);
    const guard = new LockedKeys(shard, locks);
    this.scripts = new ScriptParts(this.#cursor, this.#led, this.cargo, this.#sink, guard, this);
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

  #payloadOf(ref: number, isLent: boolean): PartPayload {
    const logged = this.log?.partOf(this.#blocks, ref) ?? null;
    return { ref, heldPages: 0, script: null, isLent, logged };
  }

  #runAtOnce(coordinator: number, handle: number, ref: number, isLent: boolean): void {
    const intent = this.#direct;
    intent.coordinator = coordinator;
    intent.handle = handle;
    intent.transaction = this.#blocks.transactionOf(ref);
    intent.payload = this.#payloadOf(ref, isLent);
    this.run(intent);
    this.answer(intent, true);
    this.serveReady();
  }

  /** An intent whose part lies in a block of this shard's low memory, which it owns from now on. */
  admit(coordinator: number, handle: number, ref: number): void {
    const blocks = this.#blocks;
    if (this.#runsAtOnce(ref)) {
      this.#runAtOnce(coordinator, handle, ref, false);
      return;
    }
    const number = blocks.transactionOf(ref);
    const intent = this.intents.open(coordinator, handle, number, blocks.formOf(ref));
    intent.payload = this.#payloadOf(ref, false);
    const [whole, locks] = [blocks.wholeOf(ref), blocks.locksOf(ref)];
    if (whole !== WholeLock.None) this.intents.lockWhole(intent, whole);
    else if ((blocks.flagsOf(ref) & PART_WATCHES) !== 0) this.#lockWatched(intent, ref, locks);
    else this.intents.lockSlots(intent, locks, 0, locks.length);
    if (blocks.loggedOf(ref) !== 0) this.intents.lockPresence(intent); // PartLog says why.
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
    const { ref } = payload;
    if (this.#shard.failure !== null) return this.refuse(replyErrors.stopped);
    const flags = this.#blocks.flagsOf(ref);
    if ((flags & PART_LED) !== 0) return this.#prepareLed(payload, flags);
    if ((flags & PART_WAITS) !== 0) return this.#prepareWaiting(intent, ref);
    const clientId = this.#blocks.clientIdOf(ref);
    if ((flags & PART_WATCHES) !== 0 && this.watches.takeDirty(intent.coordinator, clientId)) {
      this.#sink.nullArray();
      return false;
    }
    if ((flags & PART_SCRIPT) !== 0) {
      payload.script = this.scripts.begin();
      return true;
    }
    const isAccepted = this.#votes.ask(ref, intent.coordinator === this.#port.me);
    payload.heldPages = this.#votes.heldPages;
    return isAccepted;
  }

  run(intent: Intent<PartPayload>): boolean {
    const payload = this.#begin(intent);
    this.#process.setAsking(intent.coordinator, this.#blocks.clientIdOf(payload.ref));
    this.#letGo(payload);
    const { script, ref } = payload;
    let hasRun = true;
    const { waiting } = this.#shard;
    const wasStopped = waiting.isStopped;
    waiting.isStopped = true; // Who waits for what the part brings gets it when all is done.
    this.log?.begin(payload.logged, this.#blocks.flagsOf(ref));
    // All parts see the deadlines of one instant.
    this.#shard.atInstant(this.#blocks.nowMsOf(ref), () => {
      if (script !== null) hasRun = this.scripts.step(intent, payload, script);
      else if ((this.#blocks.flagsOf(ref) & PART_LED) !== 0) this.#runLed(intent, ref);
      else if ((this.#blocks.flagsOf(ref) & PART_WAITS) !== 0) this.#runWaiting(intent, ref);
      else for (this.#cursor.rewind(ref); this.#cursor.next();) this.runCurrent(intent);
    });
    waiting.isStopped = wasStopped;
    this.log?.end(payload.logged, script === null && hasRun);
    if (script === null) this.#free(payload);
    return hasRun;
  }

  /**
   * The coordinator's word to run a part. What runs may end a connection and give its locks to
   * others (CLIENT KILL); their parts have their turn when this one has answered.
   */
  onRun(coordinator: number, handle: number, thenRelease: boolean): void {
    const { locks } = this.intents;
    const isPaused = locks.pause();
    this.participant.onRun(coordinator, handle, thenRelease);
    if (isPaused) locks.resume();
  }

  /** The coordinator's word for the next step of a part that runs in steps. */
  onStep(
    coordinator: number, handle: number, word: number, from: number, runCount: number,
  ): void {
    const { payload } = this.intents.find(coordinator, handle);
    const script = payload?.script ?? null;
    assert(script !== null, 'steps are of parts that have voted');
    script.word = word;
    script.from = from;
    script.runCount = runCount;
    this.onRun(coordinator, handle, false);
  }

  runCurrent({ coordinator, payload }: Intent<PartPayload>): void {
    const { command, frame } = this.#cursor;
    const clientId = this.#blocks.clientIdOf(payload?.ref ?? 0);
    if (command.name === 'watch') {
      const refusal = this.watches.watch(coordinator, clientId, frame);
      if (refusal === null) this.#sink.ok();
      else this.#sink.error(refusal);
      return;
    }
    if (this.#process.has(command)) {
      const isOwn = coordinator === this.#port.me;
      this.#process.run(command, frame, this.#sink, clientId, isOwn);
      return;
    }
    const outcome = runWithRoom(this.#executor, this.#shard, command, frame, this.#sink);
    assert(outcome === Outcome.Done, 'what runs inside does not wait');
    if (!this.#cursor.isCounted) this.#shard.stats.countCall(command.index, -1);
  }

  askCurrent({ coordinator }: Intent<PartPayload>, payload: PartPayload): boolean {
    if (this.#shard.failure !== null) return this.refuse(replyErrors.stopped);
    const isAccepted = this.#votes.askCurrent(coordinator === this.#port.me);
    payload.heldPages = this.#votes.heldPages;
    return isAccepted;
  }

  /** The locks go; what a part holds that had nothing more to do goes with them. */
  release(coordinator: number, handle: number): void {
    const intent = this.intents.find(coordinator, handle);
    this.log?.finish(intent.payload?.logged ?? null);
    this.abort(intent);
    this.participant.onRelease(coordinator, handle);
  }

  abort(intent: Intent<PartPayload>): void {
    const { payload } = intent;
    assert(payload !== null, 'an intent under way has its part');
    if (payload.script !== null) this.scripts.end();
    payload.script = null;
    this.#letGo(payload);
    this.#free(payload);
    this.cargo.drop(intent.coordinator, intent.handle);
  }

  answer(intent: Intent<PartPayload>, isAccepted: boolean): void {
    this.#shard.tracking.beforeReply();
    this.#sink.flush();
    const { coordinator, handle } = intent;
    if (coordinator === this.#port.me) {
      const reply = this.#reply;
      this.#reply = new ReplyBytes(this.#shard.memory);
      this.#own?.onOwnAnswer(handle, isAccepted, reply);
      return;
    }
    const word = isAccepted ? 1 : 0;
    this.#port.sendWords(this.#port.peer(coordinator), KIND_ANSWER, handle, word, 0, 0, 0);
  }

  // ------------------------------------------------------------------ parts that wait

  #prepareWaiting({ coordinator }: Intent<PartPayload>, ref: number): boolean {
    this.#cursor.rewind(ref);
    if (!this.#cursor.next()) return true; // The own shard takes part, and may have no key of it.
    const { command, frame } = this.#cursor;
    return this.#waits().mayWait(command, frame, coordinator);
  }

  #runWaiting({ coordinator }: Intent<PartPayload>, ref: number): void {
    this.#cursor.rewind(ref);
    if (!this.#cursor.next()) return;
    const { command, frame } = this.#cursor;
    this.#waits().run(command, frame, coordinator, this.#sink);
  }

  /** Serves whom it can, when nothing is locked. */
  serveReady(): void {
    if (this.#shard.waiting.hasReady) this.#shard.waiting.serve();
  }

  #waits(): WaitParts {
    assert(this.waits !== null, 'a worker among others knows who waits');
    return this.waits;
  }

  // ------------------------------------------------------------------ led parts

  /** Records that a coordinator sends ahead of the word to run: the current message of a peer. */
  takeCargo(peer: Peer): void {
    const { a, b, bodyAt, bodyBytes } = peer.repliesIn;
    if (b === 0) this.cargo.add(peer.index, a, bodyAt, bodyBytes);
    else this.cargo.lose(peer.index, a);
  }

  /** The part votes with what it lends. */
  #prepareLed(payload: PartPayload, flags: number): boolean {
    if ((flags & PART_LEADS) !== 0) return true;
    let isLent = false;
    this.#shard.atInstant(this.#blocks.nowMsOf(payload.ref), () => {
      this.#cursor.rewind(payload.ref);
      this.#cursor.take();
      const isElement = (flags & PART_MOVES) !== 0;
      isLent = this.lendCurrent(payload, isElement, (flags & PART_GROWS) !== 0);
    });
    return isLent;
  }

  lendCurrent(payload: PartPayload, isElement: boolean, mayGrow: boolean): boolean {
    if (this.#shard.failure !== null) return this.refuse(replyErrors.stopped);
    const lent = isElement ? this.#led.lendElement() : this.#led.lendValues();
    if (lent instanceof ReplyError) return this.refuse(lent);
    if (mayGrow) {
      const { arenaAllocator } = this.#shard.memory;
      const bytes = BESIDE_BYTES + lent.byteCount * GROWTH_SHARE;
      payload.heldPages = arenaAllocator.hold(GROWTH_BLOCKS, bytes);
      if (payload.heldPages === 0) {
        lent.free();
        return this.refuse(replyErrors.arenaFull);
      }
    }
    this.deliverOwn(lent);
    return true;
  }

  #runLed({ coordinator, handle }: Intent<PartPayload>, ref: number): void {
    const flags = this.#blocks.flagsOf(ref);
    const cargo = this.cargo.take(coordinator, handle);
    this.#cursor.rewind(ref);
    this.#cursor.take();
    if ((flags & PART_LEADS) === 0) {
      assert(cargo !== null, 'who has something to settle was told what');
      this.#led.settle((flags & PART_MOVES) !== 0 ? null : cargo, this.#sink);
    } else {
      this.#led.lead(cargo, this.#sink);
      this.#sink.flush();
      this.deliverChanges();
    }
    cargo?.free();
  }

  deliverChanges(): void {
    const { changes } = this.#led;
    for (const [shard, block] of changes) this.#deliver(shard, block);
    changes.clear();
  }

  deliverOwn(records: RecordBlock): void {
    this.#deliver(this.#port.me, records);
  }

  /** Sends records about keys of a shard to the coordinator of the intent under way. */
  #deliver(shard: number, block: RecordBlock): void {
    const { at, byteCount } = block;
    const peer = this.#peer;
    if (peer !== undefined && byteCount > 0) {
      this.#sender.send(peer, KIND_PIECE, this.#handle, 1 + shard, block.take(), byteCount);
      return;
    }
    if (byteCount > 0) this.#own?.onOwnRecords(this.#handle, shard, at, byteCount);
    block.free();
  }

  /** What is written next is the answer of this intent. */
  #begin(intent: Intent<PartPayload>): PartPayload {
    const { payload, coordinator } = intent;
    assert(payload !== null, 'an intent under way has its part');
    const flags = this.#blocks.flagsOf(payload.ref);
    const { script } = payload;
    this.resp = script !== null ? respOf(script.word) : (flags & PART_RESP3) === 0 ? 2 : 3;
    this.#cursor.open(flags, this.resp);
    this.#cursor.asker = readerOf(coordinator, this.#blocks.clientIdOf(payload.ref));
    this.#peer = coordinator === this.#port.me ? undefined : this.#port.peer(coordinator);
    this.#handle = intent.handle;
    this.#sink.begin(this);
    return payload;
  }

  refuse(error: ReplyError): boolean {
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
    if (peer === undefined) {
      this.#reply.add(at, bytes, this.#cursor.command.waiting !== null);
      return true;
    }
    return this.#port.sendBytes(peer, KIND_PIECE, this.#handle, 0, 0, chunk, at, bytes, this.#sink);
  }

  lendRange(): void {
    assert(false, 'parts copy long values');
  }

  loseOutput(): void {
    this.#reply.isLost = true;
  }
}
