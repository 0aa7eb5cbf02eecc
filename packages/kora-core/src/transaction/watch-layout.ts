/**
 * The blocks of the watch table (watch-table.ts), and what a change does to one watch.
 *
 *   entry of a key   header, key | first watch, ref | watches, touched ones included | slot
 *   watch, 6 words   entry | next, previous of the key | next of the watcher | who and how | hash
 *   who and how      watcher:24 | database:4 | expired:1 | touched:1 | absent:1
 *
 *   alive, absent --change--> touched          expired --removed--> absent
 *   absent --replaced by a key that is due--> expired
 */

/** Value of an entry: the first watch of the key, how many there are, and the key's slot. */
export const VALUE_BYTES = 12;
export const ENTRY_COUNT = 1;
export const ENTRY_SLOT = 2;

/** Words of a watch. */
export const WATCH_ENTRY = 0;
export const WATCH_NEXT = 1;
export const WATCH_PREVIOUS = 2;
export const WATCH_SIBLING = 3;
export const WATCH_WHO = 4;
export const WATCH_HASH = 5;
export const WATCH_BYTES = 24;

export const WATCHER_MASK = 0xffffff;
export const DB_SHIFT = 24;
export const DB_MASK = 0xf;
/** The key was due, and not removed, when it was watched. */
export const EXPIRED = 1 << 28;
/** The key has changed; the watch is on no key's list any more. */
export const TOUCHED = 1 << 29;
/** The key did not exist. */
export const ABSENT = 1 << 30;

/** Bits of a change of a key: before and after it. */
export const WAS_THERE = 1;
export const IS_THERE = 2;
/** What is there now is due. */
export const IS_DUE = 4;
/** It is not known whether the key was there: those who watched it then have seen no change. */
export const ONLY_ABSENT = 8;

/** What became of a key. */
export const KeyChange = Object.freeze({
  Changed: WAS_THERE | IS_THERE,
  Removed: WAS_THERE,
  /** Something of it changed that is no change to who watches it, unless it was not there. */
  Appeared: IS_THERE | ONLY_ABSENT,
} as const);

/** The who-and-how of a watch after a change: TOUCHED is set when its watcher is dirty by it. */
export function afterChange(who: number, change: number): number {
  if ((change & ONLY_ABSENT) !== 0 && (who & ABSENT) === 0) return who;
  if ((who & EXPIRED) !== 0) {
    if ((change & IS_THERE) === 0) return (who & ~EXPIRED) | ABSENT;
    if ((change & IS_DUE) !== 0) return who;
  } else if ((change & (WAS_THERE | IS_DUE)) === IS_DUE) {
    return (who & ~ABSENT) | EXPIRED;
  }
  return who | TOUCHED;
}
