/**
 * What a shard needs to tell subscribers something: events of the key space are messages on
 * channels of their own. The core knows no connections, so whoever composes the engine attaches
 * one (`shard.publisher`); it is null where nobody can subscribe, and then nothing is written.
 */

/** Brings a message to whoever listens on a channel. */
export interface Publisher {
  /**
   * True while a message on some channel could have a receiver. False spares the making of
   * channel and message; true promises nothing.
   */
  readonly hasListeners: boolean;

  /**
   * Sends a message to the subscribers of the channel and of all patterns that match it, in the
   * order of the calls. What it writes to the connection whose command runs comes before the
   * reply of that command. Changes no data; copies what it keeps.
   * @param channel binary string, one char a byte
   * @param message binary string, one char a byte
   */
  publish(channel: string, message: string): void;
}
