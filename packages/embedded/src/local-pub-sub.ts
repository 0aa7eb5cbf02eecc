/**
 * Publish and subscribe of an engine in the program's thread: subscriptions of the program, and the
 * commands that publish and look. A call has one reply, so SUBSCRIBE and its like are refused; the
 * program has `subscribe`. Nothing of the program runs while a command does: subscriptions only
 * take messages into their queues.
 */
import type { ArgFrame, ReplyError, ReplySink, Shard } from '@kora/core';
import {
  argumentText, KEY_BYTES_MAX, latin1Text, replyErrors, SCRATCH_BYTES,
} from '@kora/core';
import type { PubSubHost, TopicKind } from '@kora/pubsub';
import { attachPubSub, Broker, bytesOf, Kind, needsOneReply } from '@kora/pubsub';

export class LocalPubSub implements PubSubHost {
  readonly broker = new Broker();
  readonly #shard: Shard;

  constructor(shard: Shard) {
    this.#shard = shard;
    attachPubSub(shard, this);
  }

  get hasListeners(): boolean {
    return this.broker.hasSubscribers;
  }

  publish(channel: string, message: string): void {
    this.broker.publishBinary(Kind.Channel, channel, () => bytesOf(message));
  }

  publishFrame(kind: TopicKind, frame: ArgFrame): number | ReplyError {
    if ((frame.bytes[1] ?? 0) > KEY_BYTES_MAX) return replyErrors.argumentTooLarge;
    if (this.broker.subscribedCount === 0) return 0;
    const channel = frame.isBig(1) ? textOfBytes(this.#bytes(frame, 1)) : argumentText(frame, 1);
    return this.broker.publishBinary(kind, channel, () => this.#bytes(frame, 2));
  }

  /** Argument i, a copy. */
  #bytes(frame: ArgFrame, i: number): Uint8Array {
    const bytes = frame.bytes[i] ?? 0;
    if (!frame.isBig(i)) {
      const at = frame.at[i] ?? 0;
      return frame.memory.low.slice(at, at + bytes);
    }
    return this.#ropeBytes(frame.ropeOf(i), bytes);
  }

  #ropeBytes(root: number, bytes: number): Uint8Array {
    const { memory: { low }, ropes, scratchAt } = this.#shard;
    const copy = new Uint8Array(bytes);
    for (let done = 0; done < bytes; done += SCRATCH_BYTES) {
      const step = Math.min(SCRATCH_BYTES, bytes - done);
      ropes.read(root, done, scratchAt, step);
      copy.set(low.subarray(scratchAt, scratchAt + step), done);
    }
    return copy;
  }

  subscribe(_kind: TopicKind, frame: ArgFrame, out: ReplySink): void {
    out.error(needsOneReply(argumentText(frame, 0)));
  }

  unsubscribe(_kind: TopicKind, frame: ArgFrame, out: ReplySink): void {
    out.error(needsOneReply(argumentText(frame, 0)));
  }

  activeNames(kind: TopicKind, glob: string | null): readonly string[] {
    return this.broker.exchange.names(kind, glob);
  }

  subscriberCount(kind: TopicKind, name: string): number {
    return this.broker.exchange.topic(kind, name)?.subscribers.size ?? 0;
  }

  patternCount(): number {
    return this.broker.patternCount;
  }
}

function textOfBytes(bytes: Uint8Array): string {
  return latin1Text(bytes, 0, bytes.length);
}
