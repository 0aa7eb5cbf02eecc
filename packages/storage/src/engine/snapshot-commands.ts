/**
 * BGSAVE, BGREWRITEAOF and SAVE as requests for snapshots, with the answers that redis-server gives
 * where it has a child process. Whoever waits for a snapshot is told its number and its end.
 *
 *   SAVE     none under way: asks. One under way began too early for it: asks when that has ended.
 *   BGSAVE   asks, or is refused; in EXEC and with SCHEDULE it is done as soon as it may
 */
import { ClientFlag, ReplyError } from '@kora/core';
import type { ArgFrame, ReplySink } from '@kora/core';
import { SnapshotKind } from './snapshot-words.ts';
import type { SnapshotWords } from './snapshot-words.ts';

const saveUnderWay = new ReplyError('ERR Background save already in progress');
const rewriteUnderWay = new ReplyError(
  'ERR Background append only file rewriting already in progress',
);
const otherUnderWay = new ReplyError(
  "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in " +
    'order to schedule a BGSAVE whenever possible.',
);

/** The error of SAVE while a snapshot of BGSAVE is under way, else null: it may wish for one. */
export function refusalOfSave(words: SnapshotWords): ReplyError | null {
  return words.asked === SnapshotKind.Save ? saveUnderWay : null;
}

/** BGSAVE. @param wake tells the director */
export function answerBgSave(
  words: SnapshotWords, frame: ArgFrame, out: ReplySink, isScheduled: boolean, wake: () => void,
): void {
  if (words.asked === SnapshotKind.Save || words.asked === SnapshotKind.SaveNow) {
    out.error(saveUnderWay);
    return;
  }
  const isInExec = (frame.client.flags & ClientFlag.InExec) !== 0;
  if (!isInExec && words.ask(SnapshotKind.Save)) {
    wake();
    out.simple('Background saving started');
  } else if (isScheduled || isInExec) {
    words.schedule(SnapshotKind.Save);
    wake();
    out.simple('Background saving scheduled');
  } else {
    out.error(words.asked === SnapshotKind.Rewrite ? otherUnderWay : saveUnderWay);
  }
}

/** BGREWRITEAOF. @param wake tells the director */
export function answerRewrite(
  words: SnapshotWords, frame: ArgFrame, out: ReplySink, wake: () => void,
): void {
  if (words.asked === SnapshotKind.Rewrite) {
    out.error(rewriteUnderWay);
    return;
  }
  const isInExec = (frame.client.flags & ClientFlag.InExec) !== 0;
  const hasBegun = !isInExec && words.ask(SnapshotKind.Rewrite);
  if (!hasBegun) words.schedule(SnapshotKind.Rewrite);
  wake();
  out.simple(`Background append only file rewriting ${hasBegun ? 'started' : 'scheduled'}`);
}

/** Somebody's wish for a snapshot of all that has changed by now. */
export class SnapshotWish {
  readonly #words: SnapshotWords;
  /** Snapshots that had ended when it was made. */
  readonly #ended: number;
  /** Number of the one that fulfils it, as `ended` counts; 0 = not known yet. */
  #number = 0;

  constructor(words: SnapshotWords) {
    this.#words = words;
    this.#ended = words.ended;
    this.#ask();
  }

  /** Asks again where that has to be. @returns 'waiting', or what it has come to */
  look(): 'waiting' | 'done' | 'failed' {
    const { ended, failed } = this.#words;
    // The one that was under way began before the wish, the one after it did not.
    if (this.#number === 0 && ended >= this.#ended + 2) this.#number = this.#ended + 2;
    if (this.#number === 0) this.#ask();
    if (this.#number === 0 || ended < this.#number) return 'waiting';
    return failed === this.#number ? 'failed' : 'done';
  }

  #ask(): void {
    const { ended } = this.#words;
    if (this.#words.ask(SnapshotKind.SaveNow)) this.#number = ended + 1;
  }
}
