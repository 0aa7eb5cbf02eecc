/**
 * How the words of a coordinator reach the shards: intents along the ordered lane, where they get
 * their place, all else along the lane of replies; the own shard is called. A small part travels in
 * its message, a long one by address, lent until it was copied.
 * Steps of the own shard run one after the other, not inside each other, however many there are.
 */
import type { Command, CommandQueue, Shard } from '@kora/core';
import { assert, Flag } from '@kora/core';
import type { MeshPort, Peer } from './mesh-port.ts';
import {
  KIND_ABORT, KIND_INTENT, KIND_INTENT_AT, KIND_RELEASE, KIND_RUN, KIND_STEP,
} from './message-kinds.ts';
import type { OrderedLanes } from './ordered-lanes.ts';
import type { ParcelsOut } from './parcels.ts';
import type { PartBlock } from './part-block.ts';
import { PartBlocks } from './part-block.ts';
import type { Participation } from './participation.ts';
import type { ShardRound } from './script.ts';
import { stepWord } from './script-words.ts';

const INTENT_AT_BYTES = 12;

/** What an intent is told of its transaction. */
interface SequencedTransaction {
  readonly handle: number;
  readonly number: number;
  /** All that take part, a bit each. */
  readonly shards: number;
}

/** A step of the own shard that was said and has not run. */
interface OwnStep {
  readonly handle: number;
  readonly word: number;
  readonly from: number;
  readonly runCount: number;
}

export class PartSender {
  readonly #shard: Shard;
  readonly #port: MeshPort;
  readonly #lanes: OrderedLanes;
  readonly #parcels: ParcelsOut;
  readonly #participation: Participation;
  readonly #blocks: PartBlocks;
  readonly #ownSteps: OwnStep[] = [];
  #isStepping = false;

  constructor(
    shard: Shard, port: MeshPort, lanes: OrderedLanes, parcels: ParcelsOut,
    participation: Participation,
  ) {
    this.#shard = shard;
    this.#port = port;
    this.#lanes = lanes;
    this.#parcels = parcels;
    this.#participation = participation;
    this.#blocks = new PartBlocks(shard);
  }

  /** True when every ring has room for its intent; `parts` by shard. */
  hasRoom(shards: number, parts: readonly (PartBlock | null)[]): boolean {
    let hasRoom = true;
    for (let left = shards & ~(1 << this.#port.me); left !== 0; left &= left - 1) {
      const shard = 31 - Math.clz32(left & -left);
      const peer = this.#port.peer(shard);
      const bytes = parts[shard]?.bytes ?? 0;
      const out = peer.orderedOut;
      // Never before a release that waits in the outbox: the handle may be the same.
      if (peer.outbox.isEmpty && out.hasRoom(bytes <= out.bodyBytesMax ? bytes : INTENT_AT_BYTES)) {
        continue;
      }
      peer.wantsOrderedRoom = true;
      hasRoom = false;
    }
    return hasRoom;
  }

  /**
   * Hands the part over.
   * @param form one of IntentForm
   * @param about what is run: when it may change something, all shards log their part of it
   */
  sendIntent(
    shard: number, { handle, number, shards }: SequencedTransaction, form: number, part: PartBlock,
    { command, queue }: { readonly command: Command; readonly queue: CommandQueue | null },
  ): void {
    const isWrite = ((command.flags | (queue?.flags ?? 0)) & Flag.Write) !== 0;
    this.#blocks.complete(part.ref, number, form, isWrite ? shards : 0);
    if (shard === this.#port.me) this.#participation.admit(shard, handle, part.ref);
    else this.#send(this.#port.peer(shard), handle, part);
  }

  #send(peer: Peer, handle: number, part: PartBlock): void {
    const out = peer.orderedOut;
    const isInline = part.bytes <= out.bodyBytesMax;
    const bytes = isInline ? part.bytes : INTENT_AT_BYTES;
    const word = out.begin(isInline ? KIND_INTENT : KIND_INTENT_AT, bytes);
    assert(word >= 0, 'a transaction has a place when there is room for its intents');
    out.header(handle, 0, 0);
    if (isInline) {
      out.copyFrom(this.#shard.memory.i32, part.ref * 8, word, part.bytes);
      this.#shard.memory.lowAllocator.free(part.ref);
    } else {
      out.words[word] = part.ref * 8;
      out.words[word + 1] = part.bytes;
      out.words[word + 2] = this.#parcels.lend(part.ref);
    }
    out.end(bytes);
    this.#lanes.note(peer);
  }

  sendRun(shard: number, handle: number, thenRelease: boolean): void {
    const { me } = this.#port;
    if (shard === me) this.#participation.onRun(me, handle, thenRelease);
    else this.#say(shard, KIND_RUN, handle, thenRelease ? 1 : 0);
  }

  /** Tells a shard what it does in a round. @param resp version of RESP of its replies */
  sendStep(
    shard: number, handle: number, { finish, from, runCount, begin }: ShardRound, resp: number,
  ): void {
    const word = stepWord(finish, begin, resp);
    if (shard === this.#port.me) {
      this.#ownSteps.push({ handle, word, from, runCount });
      this.#runOwnSteps();
      return;
    }
    const peer = this.#port.peer(shard);
    this.#port.sendWords(peer, KIND_STEP, handle, word, 0, from, runCount);
  }

  #runOwnSteps(): void {
    if (this.#isStepping) return;
    this.#isStepping = true;
    const { me } = this.#port;
    for (let step = this.#ownSteps.shift(); step !== undefined; step = this.#ownSteps.shift()) {
      this.#participation.onStep(me, step.handle, step.word, step.from, step.runCount);
    }
    this.#isStepping = false;
  }

  sendRelease(shard: number, handle: number): void {
    const { me } = this.#port;
    if (shard === me) this.#participation.release(me, handle);
    else this.#say(shard, KIND_RELEASE, handle, 0);
  }

  sendAbort(shard: number, handle: number): void {
    const { me } = this.#port;
    if (shard === me) this.#participation.participant.onAbort(me, handle);
    else this.#say(shard, KIND_ABORT, handle, 0);
  }

  #say(shard: number, kind: number, handle: number, b: number): void {
    this.#port.sendWords(this.#port.peer(shard), kind, handle, b, 0, 0, 0);
  }
}
