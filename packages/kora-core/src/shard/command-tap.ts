/**
 * Who is shown every command that an executor has run: MONITOR. Words are taken before the command
 * runs, for it may take its arguments; they are shown when it has, so that commands of an EXEC come
 * before it and SELECT with the new database. What the gate refuses is not shown.
 */
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import type { ClientState } from '../command/client-state.ts';
import type { Command } from '../command/spec.ts';

export interface CommandTap {
  /** The words of a command that is to be shown, one character a byte; null: it is not. */
  wordsOf(command: Command, frame: ArgFrame): readonly string[] | null;
  /** The command has run. */
  show(words: readonly string[], client: ClientState): void;
  /** The EXEC of a client has run, over several shards: no watch has stopped it. */
  onExec(client: ClientState): void;
}
