/**
 * What keeps the data of an engine on disk, as far as commands know of it: it answers SAVE and its
 * like (admin/saving.commands.ts) and takes this shard's part of a snapshot.
 */
import type { ReplyError } from '../errors/reply-error.ts';
import type { ReplySink } from './sink.ts';
import type { ArgFrame } from './arg-frame.hot.ts';

/** Who asks for a snapshot to wait for, SAVE or VSAVE. */
export interface SaveAsker {
  /** It waits for a snapshot of its own behind one of BGSAVE, where the other is refused. */
  readonly isPatient: boolean;
  /** What it is answered when the snapshot failed. @param why the cause, for people */
  failed(why: string): ReplyError;
  /** What it is answered where nothing is kept. */
  readonly notKept: ReplyError;
}

/** Keeper of snapshots; one for each shard of an engine. */
export interface SavingHost {
  /** When a snapshot was made last, ms; 0 = not since the engine started. */
  readonly savedMs: number;
  /** SAVE and VSAVE: answers now, or has the client wait for its answer. */
  save(frame: ArgFrame, out: ReplySink, asker: SaveAsker): void;
  /** BGSAVE. */
  saveSoon(frame: ArgFrame, out: ReplySink, isScheduled: boolean): void;
  /** BGREWRITEAOF. */
  rewrite(frame: ArgFrame, out: ReplySink): void;
  /** The shard's part of a snapshot begins: what has changed by now is in it. */
  cut(): void;
}

/** SAVE and VSAVE. */
export function answerSave(
  saving: SavingHost | null, frame: ArgFrame, out: ReplySink, asker: SaveAsker,
): void {
  if (saving === null) out.error(asker.notKept);
  else saving.save(frame, out, asker);
}
