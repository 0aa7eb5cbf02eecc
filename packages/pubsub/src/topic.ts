/**
 * What can be subscribed to: a channel, a pattern, or a sharded channel, and who has. Channels and
 * sharded channels of one name have nothing to do with each other, as in Redis.
 */

/** Kinds of topics. Numbers are places in lists of three. */
export const Kind = Object.freeze({ Channel: 0, Pattern: 1, Sharded: 2 } as const);
export type TopicKind = (typeof Kind)[keyof typeof Kind];
export const KIND_COUNT = 3;

/** One name and its subscribers. Exists while it has any. */
export class Topic<Who> {
  readonly kind: TopicKind;
  /** Binary string. */
  readonly name: string;
  /**
   * In the order they came. Who is told of a message may leave meanwhile: a Set that is walked
   * passes over what was removed.
   */
  readonly subscribers = new Set<Who>();

  constructor(kind: TopicKind, name: string) {
    this.kind = kind;
    this.name = name;
  }
}
