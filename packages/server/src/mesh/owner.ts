/**
 * Runs what peers ask of this worker's shard. Requests are run in the order of their lane, straight
 * from the ring they lie in; their replies go back as RESP bytes (owner-replies.ts). A burst is
 * several requests in one message: they run one after the other, and where one has to wait, in
 * place or beside the ring, it is that one alone.
 */
import type { Command, Executor, RingReader, Router, Shard } from '@kora/core';
import {
  ArgFrame, assert, ClientFlag, Flag, mustPause, Outcome, replyErrors,
} from '@kora/core';
import type { ReplyChunks } from '../reply-chunks.ts';
import { AskingClient } from './asking-client.ts';
import { BurstReader } from './burst-message.hot.ts';
import type { ForeignMemory } from './foreign-memory.ts';
import type { LockGate, ParkedRequest } from './lock-gate.ts';
import type { MeshPort, Peer } from './mesh-port.ts';
import {
  CALL_COMMAND_BITS, CALL_COMMAND_MASK, CALL_DB_MASK, CALL_NO_TOUCH, CALL_REMEMBERS, CALL_RESP3,
  CALL_TRACKS, KIND_ACCEPT, KIND_BURST, KIND_PARCEL,
} from './message-kinds.ts';
import type { Notes } from './notes.ts';
import { OwnerReplies } from './owner-replies.ts';
import { ParcelsIn } from './parcels.ts';
import { RequestsAhead } from './requests-ahead.hot.ts';
import { PausedRequests } from './paused-requests.ts';
import { copyRequest } from './request-message.ts';

/** Word of a parcel's body that says whose it is, of those who track keys. */
const PARCEL_TRACKER = 3;
/** Requests of one peer that run in a turn before the others have theirs. */
const REQUESTS_PER_TURN_MAX = 1024;

export class Owner {
  readonly #shard: Shard;
  readonly #executor: Executor;
  readonly #port: MeshPort;
  readonly #replies: OwnerReplies;
  readonly #frame: ArgFrame;
  readonly #gate: LockGate;
  readonly #notes: Notes;
  readonly #client = new AskingClient();
  readonly #parcels: ParcelsIn;
  readonly #ahead: RequestsAhead;
  readonly #burst: BurstReader;
  /** By peer, twice: requests of the burst that is its current message and have run. */
  readonly #burstDone: Int32Array;
  #at = new Int32Array(64);
  #bytes = new Int32Array(64);
  /** Word behind the arguments of the request that was bound. */
  #end32 = 0;
  /** The last call of `serve` stopped although more could run at once. */
  hasMore = false;
  /** A parcel waits until nothing is locked. */
  waitsForGate = false;
  /** The request that was looked at last has to wait, and cannot be kept. */
  #isFull = false;
  readonly #paused = new PausedRequests();

  constructor(
    shard: Shard, executor: Executor, chunks: ReplyChunks, port: MeshPort, gate: LockGate,
    foreign: ForeignMemory, router: Router, notes: Notes,
  ) {
    this.#notes = notes;
    this.#ahead = new RequestsAhead(shard, router);
    this.#burst = new BurstReader(shard);
    this.#burstDone = new Int32Array(port.control.workerCount * 2);
    this.#gate = gate;
    this.#shard = shard;
    this.#executor = executor;
    this.#port = port;
    this.#frame = new ArgFrame(shard.memory, this.#client);
    this.#replies = new OwnerReplies(shard, chunks, port);
    this.#parcels = new ParcelsIn(shard, foreign);
  }

  /** Requests that CLIENT PAUSE holds back. */
  get pausedCount(): number {
    return this.#paused.count;
  }

  /** Values lent and not returned. */
  get loanCount(): number {
    return this.#replies.loanCount;
  }

  /** Place of the reply under way in the window of its connection. */
  get place(): number {
    return this.#replies.place;
  }

  /** The origin has copied what was lent. */
  takeBack(loan: number): void {
    this.#replies.takeBack(loan);
  }

  /**
   * Runs what a peer has sent, as far as the replies find room.
   * @returns true when requests are left that could not run now
   */
  serve(peer: Peer): boolean {
    const { requestsIn, outbox } = peer;
    let left = REQUESTS_PER_TURN_MAX;
    let isStopped = false;
    while (outbox.isEmpty && left > 0 && requestsIn.next()) {
      if (!this.#take(peer, requestsIn)) {
        isStopped = true;
        break;
      }
      requestsIn.consume();
      left--;
    }
    if (requestsIn.flush()) peer.owesNews = true;
    if (left === 0) this.hasMore = true;
    return isStopped || left === 0 || (!outbox.isEmpty && requestsIn.next());
  }

  /** Runs the request that is the current message of the peer's ordered lane; as `serve`. */
  takeOrdered(peer: Peer): boolean {
    return this.#take(peer, peer.orderedIn);
  }

  /** Runs the current message of a lane of the peer. False: it has to wait, nothing happened. */
  #take(peer: Peer, lane: RingReader): boolean {
    if (lane.kind === KIND_BURST) return this.#takeBurst(peer, lane);
    const call = lane.c;
    const command = this.#executor.registry.commands[call & CALL_COMMAND_MASK];
    assert(command !== undefined, 'workers have the same commands');
    if (this.#mustHold(command) || this.#paused.holds(peer.index, lane.a)) {
      return this.#holdBack(peer, lane);
    }
    // A parcel waits in the ring, with what is behind it, until nothing is locked.
    if (lane.kind === KIND_PARCEL) {
      if (!this.#gate.isOpen) this.waitsForGate = true;
      return this.#gate.isOpen && this.#takeParcel(peer, lane, command);
    }
    const { a, b, bodyAt, bodyBytes } = lane;
    if (!this.#ahead.isNext(bodyAt)) this.#ahead.look(lane);
    this.#bind(lane.words, bodyAt);
    if (this.#ahead.isNext(bodyAt)) {
      this.#ahead.bind(this.#frame, this.#at, this.#bytes, this.#frame.count);
    }
    this.#setClient(call, this.#trackerIn(lane.words, call));
    if (!this.#gate.isOpen) {
      const verdict = this.#gate.parkRequest(peer.index, a, command, this.#frame, () =>
        this.#copyBody(peer, a, b, call, bodyAt, bodyBytes));
      if (verdict !== 'run') return verdict === 'parked';
    }
    this.#run(peer, a, b, command);
    return true;
  }

  /** True while a pause or a barrier holds it, or it would add to what waits for some worker. */
  #mustHold(command: Command): boolean {
    if ((command.flags & Flag.PubSub) !== 0 && this.#notes.isAnyCrowded) return true;
    return mustPause(this.#shard, command);
  }

  /** As #take, for the requests of a burst; those that have run are not run again. */
  #takeBurst(peer: Peer, lane: RingReader): boolean {
    const burst = this.#burst;
    const replies = this.#replies;
    const window = lane.a;
    const done = peer.index * 2 + (lane === peer.orderedIn ? 1 : 0);
    burst.open(lane);
    replies.begin(peer, window);
    this.#client.workerIndex = peer.index;
    this.#client.window = window;
    let i = this.#burstDone[done] ?? 0;
    const { pause, barrier, nowMs, vectors } = this.#shard;
    // A pause, a barrier and a crowd begin and end between turns.
    const mayPause = this.#paused.count > 0 || barrier !== null || pause.isActive(nowMs)
      || vectors.isCrowded;
    while (i < burst.count && peer.outbox.isEmpty) {
      const base = burst.callOf(i);
      const command = this.#executor.registry.commands[base & CALL_COMMAND_MASK];
      assert(command !== undefined, 'workers have the same commands');
      const isRead = (command.flags & Flag.ReadOnly) !== 0;
      const call = base | burst.tracks | (isRead ? burst.remembers : 0);
      const place = burst.placeOf(i);
      burst.present(this.#frame, i);
      this.#setClient(call, burst.tracker);
      if ((mayPause || !this.#gate.isOpen) && !this.#mayRun(peer, window, place, call, command)) {
        if (this.#isFull) break;
      } else {
        replies.start(place, this.#client.resp);
        const outcome = this.#executor.run(command, this.#frame, replies.sink);
        assert(outcome === Outcome.Done, 'what must not pause runs');
        replies.end(false);
      }
      i++;
    }
    replies.finish();
    const isWhole = i === burst.count;
    this.#burstDone[done] = isWhole ? 0 : i;
    return isWhole;
  }

  /**
   * Whether the request of a burst in the frame runs now. False: it waits beside the ring, or it
   * has to and cannot be kept (#isFull).
   */
  #mayRun(
    peer: Peer, window: number, place: number, call: number, command: Command,
  ): boolean {
    const { index } = peer;
    this.#isFull = false;
    const copy = (): ParkedRequest | null => {
      const ref = copyRequest(this.#shard.memory, this.#frame);
      const { tracker } = this.#client;
      return ref === 0 ? null : { peerIndex: index, window, place, call, tracker, ref };
    };
    if (this.#mustHold(command) || this.#paused.holds(index, window)) {
      const request = copy();
      this.#isFull = request === null;
      if (request !== null) this.#keepPaused(request);
      return false;
    }
    if (this.#gate.isOpen) return true;
    const verdict = this.#gate.parkRequest(index, window, command, this.#frame, copy);
    this.#isFull = verdict === 'full';
    return verdict === 'run';
  }

  #keepPaused(request: ParkedRequest): void {
    this.#bind(this.#shard.memory.i32, request.ref * 8);
    this.#paused.add(request, this.#frame, false);
  }

  /** CLIENT PAUSE holds the current request: it leaves the ring, so that others pass. */
  #holdBack(peer: Peer, lane: RingReader): boolean {
    const { kind, a, b, c, bodyAt, bodyBytes } = lane;
    const isParcel = kind === KIND_PARCEL;
    if (isParcel) {
      if (!this.#openParcel(peer, lane)) return true;
      const { ref } = this.#parcels;
      const { tracker } = this.#client;
      const request = { peerIndex: peer.index, window: a, place: b, call: c, tracker, ref };
      this.#paused.add(request, this.#frame, true);
      return true;
    }
    this.#bind(lane.words, bodyAt);
    this.#setClient(c, this.#trackerIn(lane.words, c));
    const request = this.#copyBody(peer, a, b, c, bodyAt, bodyBytes);
    if (request === null) return false;
    this.#keepPaused(request);
    return true;
  }

  /** Runs what a pause has held back, in order, when it is over. */
  releasePaused(): void {
    const { pause, nowMs } = this.#shard;
    const paused = this.#paused;
    if (paused.count === 0 || pause.isActive(nowMs) || this.#notes.isAnyCrowded) return;
    for (let held = paused.first; held !== undefined; held = paused.first) {
      const { request, isParcel } = held;
      const { peerIndex, window, place, call, tracker, ref } = request;
      const command = this.#executor.registry.commands[call & CALL_COMMAND_MASK];
      assert(command !== undefined, 'workers have the same commands');
      if (this.#mustHold(command)) return;
      this.#frame.bind(held.at, held.bytes, held.at.length);
      this.#setClient(call, tracker);
      if (!this.#gate.isOpen) {
        if (isParcel) return;
        const copy = (): typeof request => request;
        const verdict = this.#gate.parkRequest(peerIndex, window, command, this.#frame, copy);
        if (verdict === 'full') return;
        if (verdict === 'parked') {
          paused.shift();
          continue;
        }
      }
      paused.shift();
      this.#run(this.#port.peer(peerIndex), window, place, command);
      this.#shard.memory.lowAllocator.free(ref);
    }
  }

  /** Copies the parcel that is the current request into the frame, or answers that it cannot be. */
  #openParcel(peer: Peer, lane: RingReader): boolean {
    const { a, b, c, words, bodyAt } = lane;
    this.#setClient(c, words[(bodyAt >>> 2) + PARCEL_TRACKER] ?? 0);
    if (this.#open(peer, lane) > 0) return true;
    this.#replies.begin(peer, a);
    this.#replies.start(b, this.#client.resp);
    this.#replies.sink.error(replyErrors.arenaFull);
    this.#replies.end(true);
    return false;
  }

  #takeParcel(peer: Peer, lane: RingReader, command: Command): boolean {
    const { a, b } = lane;
    if (!this.#openParcel(peer, lane)) return true;
    this.#run(peer, a, b, command);
    this.#shard.memory.lowAllocator.free(this.#parcels.ref);
    return true;
  }

  /** Who the frame's command is run for. */
  #setClient(call: number, tracker: number): void {
    const client = this.#client;
    client.tracker = tracker;
    client.db = (call >>> CALL_COMMAND_BITS) & CALL_DB_MASK;
    client.flags = (call & CALL_NO_TOUCH) === 0 ? 0 : ClientFlag.NoTouch;
    if ((call & CALL_REMEMBERS) !== 0) client.flags |= ClientFlag.Tracks;
    client.resp = (call & CALL_RESP3) === 0 ? 2 : 3;
  }

  /** Runs the command in the frame and sends its reply. */
  #run(peer: Peer, window: number, place: number, command: Command): void {
    this.#client.workerIndex = peer.index;
    this.#client.window = window;
    const replies = this.#replies;
    replies.begin(peer, window);
    replies.start(place, this.#client.resp);
    const outcome = this.#executor.run(command, this.#frame, replies.sink);
    assert(outcome === Outcome.Done, 'what must not pause runs');
    replies.end(true);
  }

  #copyBody(
    peer: Peer, window: number, place: number, call: number, bodyAt: number, bodyBytes: number,
  ): ParkedRequest | null {
    const { memory } = this.#shard;
    const ref = memory.lowAllocator.alloc(bodyBytes);
    if (ref === 0) return null;
    memory.kernel.copy(ref * 8, bodyAt, bodyBytes);
    const { tracker } = this.#client;
    return { peerIndex: peer.index, window, place, call, tracker, ref };
  }

  /** A request that was parked has its turn. */
  runParked(request: ParkedRequest): void {
    const { peerIndex, window, place, call, tracker, ref } = request;
    const { memory } = this.#shard;
    const command = this.#executor.registry.commands[call & CALL_COMMAND_MASK];
    assert(command !== undefined, 'workers have the same commands');
    this.#bind(memory.i32, ref * 8);
    if (this.#mustHold(command) || this.#paused.holds(peerIndex, window)) {
      this.#paused.add(request, this.#frame, false);
      return;
    }
    this.#setClient(call, tracker);
    this.#client.flags |= ClientFlag.Internal;
    this.#run(this.#port.peer(peerIndex), window, place, command);
    memory.lowAllocator.free(ref);
  }

  /** Points the frame at the arguments of a request, in the ring or in a block. */
  #bind(words: Int32Array, bodyAt: number): void {
    const first = bodyAt >>> 2;
    const argc = words[first] ?? 0;
    if (argc > this.#at.length) {
      this.#at = new Int32Array(argc);
      this.#bytes = new Int32Array(argc);
    }
    let at = bodyAt + 4 + argc * 4;
    for (let i = 0; i < argc; i++) {
      const bytes = words[first + 1 + i] ?? 0;
      this.#at[i] = at;
      this.#bytes[i] = bytes;
      at += (bytes + 3) & ~3;
    }
    this.#frame.bind(this.#at, this.#bytes, argc);
    this.#end32 = at >>> 2;
  }

  /** Number of the client whose request was bound, among those who track keys; 0 = it does not. */
  #trackerIn(words: Int32Array, call: number): number {
    return (call & CALL_TRACKS) === 0 ? 0 : words[this.#end32] ?? 0;
  }

  /** Copies a parcel, and says so. @returns 0 when memory is short */
  #open(peer: Peer, { words, bodyAt }: RingReader): number {
    const first = bodyAt >>> 2;
    const argc = this.#parcels.copy(peer.index, words[first] ?? 0, words[first + 2] ?? 0);
    this.#port.sendWords(peer, KIND_ACCEPT, words[first + 1] ?? 0, 0, 0, 0, 0);
    if (argc > 0) this.#frame.bind(this.#parcels.at, this.#parcels.bytes, argc);
    return argc;
  }
}
