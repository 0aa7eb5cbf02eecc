/**
 * What keeps commands from running for a while, whoever sends them: a shard that is still loading
 * its data, a log that cannot be written. The gate asks it, after what concerns memory and before
 * what concerns the client, as Redis does. There is none in ordinary times, so that the gate looks
 * at one field.
 */
import type { ReplyError } from '../errors/reply-error.ts';
import type { Command } from './spec.ts';

/** Asked by the gate while it stands. */
export interface Barrier {
  /**
   * The error that the command is answered with now, null when it may run.
   * @param flags of the command, with those of all it runs (EXEC)
   */
  refusalOf(command: Command, flags: number): ReplyError | null;
  /** True when a command of such flags is offered again later instead. */
  mustWait(flags: number): boolean;
}
