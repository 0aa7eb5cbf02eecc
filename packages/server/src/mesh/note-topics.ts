/**
 * What notes between workers are about (notes.ts). Numbers never leave the process.
 */
export const NoteTopic = Object.freeze({
  /** For tests: nothing of the server uses it. */
  Test: 0,
  /** Names that gain or lose a subscriber (pubsub/topic-notes.ts). Number: of the change. */
  PubSubNames: 1,
  /** They are counted from now on. Number: of the change. */
  PubSubAnswer: 2,
  /** A message for subscribers. Number: kind of its channel. */
  PubSubMessage: 3,
  /** As PubSubMessage, to the worker that puts it in order. */
  PubSubForward: 4,
  /** A message was lost for want of memory. */
  PubSubLost: 5,
  /** An event of the key space. Number: its place among those of the receiver's connections. */
  KeyEvent: 6,
  /** It was lost for want of memory. Number: that place. */
  KeyEventLost: 7,
  /** Events of a part of a transaction (step-events.ts). Number: its handle. */
  StepEvents: 8,
  /**
   * Before an answer: commands that were sent before the change was known are under way; and when
   * they are no longer. Number: of the change.
   */
  PubSubUnsettled: 9,
  PubSubSettled: 10,
  /** A key that clients of the worker have read has changed (tracking/tracking-mesh.ts). */
  TrackingInvalid: 20,
  /** A prefix that somebody wants to hear of, or nobody any more. */
  TrackingPrefix: 21,
  /** Keys with a prefix have changed. */
  TrackingBroadcast: 22,
  /** An invalidation for a client of the worker, from one of another. */
  TrackingRedirect: 23,
  /** That client is gone. */
  TrackingBroken: 24,
  /** Is the client yours? */
  TrackingAsk: 25,
  TrackingAnswer: 26,
  /** What clients of the worker have read may have changed: word of it was lost. */
  TrackingLost: 27,
  /** Parts of transactions that are durable on the worker's disk (store/part-log.ts). */
  LogParts: 40,
  /** A line for who is in MONITOR (observe/monitors.ts). */
  MonitorLine: 60,
  /** A call that took long, of a client of the worker (observe/slow-calls.ts). */
  SlowCall: 61,
  /** Handle of a command that waits for keys (wait-notes.ts). Body: its reply. */
  WaitReply: 30,
  /** Handle: its reply was lost. */
  WaitLost: 31,
  /** Handle: there is something to move for it. */
  WaitMovable: 32,
  /** Handle: it waits no longer. */
  WaitOver: 33,
  /** Handle: there was nothing to move, it waits on. */
  WaitOn: 34,
} as const);

/** Topics there may be. */
export const TOPIC_COUNT_MAX = 64;
