/**
 * What connections of this worker have under way at several workers at a moment, and when all of
 * that is over. Commands of one pipeline run there in any order of time until their origin knows
 * that somebody hears of keys; so whoever begins to listen waits for those that were sent before
 * (pubsub/across-workers.ts).
 *
 *   whenOver: nothing of the kind under way --> at once        else --> listed --> a later turn
 *
 * Bound: WAIT_MS_MAX, for a pause may keep commands under way for any time.
 * Cost: O(windows in use) to ask; a turn, O(what was under way) while somebody waits.
 */
import type { ReplyWindow } from './reply-window.hot.ts';
import type { ReplyWindows } from './reply-windows.ts';

/** Longest wait, ms: beyond it what was under way may be told late. */
export const WAIT_MS_MAX = 1_000;

/** Where replies of this worker's connections are awaited. */
type Replies = Pick<ReplyWindows, 'mixed'>;

/** A place of a window: what is before it was under way. */
interface Mark {
  readonly window: ReplyWindow;
  readonly place: number;
}

interface Waiting {
  readonly marks: readonly Mark[];
  readonly untilMs: number;
  readonly done: () => void;
}

export class UnderWay {
  readonly #replies: Replies;
  #waiting: Waiting[] = [];

  constructor(replies: Replies) {
    this.#replies = replies;
  }

  /** Does something when all that is under way at several workers now is over. @returns if it is */
  whenOver(nowMs: number, done: () => void): boolean {
    const marks = this.#replies.mixed().map((window) => ({ window, place: window.tail }));
    if (marks.length === 0) return true;
    this.#waiting.push({ marks, untilMs: nowMs + WAIT_MS_MAX, done });
    return false;
  }

  /** Once a turn, after replies were taken. */
  look(nowMs: number): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) {
      const isUnderWay = one.marks.some(({ window, place }) => window.head < place);
      if (isUnderWay && nowMs < one.untilMs) this.#waiting.push(one);
      else one.done();
    }
  }
}
