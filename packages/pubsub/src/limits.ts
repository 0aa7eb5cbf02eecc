/**
 * Bounds of what a broker keeps for others.
 */

/** Messages that wait for a reader of a subscription, unless asked otherwise. */
export const QUEUED_MESSAGES_MAX = 65_536;
/** Bytes of messages that wait for it; what redis-server grants a client that subscribes. */
export const QUEUED_BYTES_MAX = 32 * 1024 * 1024;
/** Messages that listeners have published while they were being told of another one. */
export const NESTED_MESSAGES_MAX = 1_000_000;
