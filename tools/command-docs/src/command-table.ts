/**
 * Every command of a whole server: the core's as an engine composes them, and those that only a
 * server has. The engine is never used; composing it is what links subcommands to containers.
 */
import { composeShard, SeededChance, VirtualClock } from '@kora/core';
import type { Command } from '@kora/core';
import { serverCommands } from '@kora/server/commands';

const KIB = 1024;

/** The table; subcommands are entries of their own, as in COMMAND COUNT they are not. */
export function commandTable(): readonly Command[] {
  const { registry } = composeShard({
    platform: {
      clock: new VirtualClock(),
      chance: new SeededChance(1),
      scheduler: { requestTurn: () => undefined },
    },
    memoryOptions: { lowBytes: 1024 * KIB, bytesMax: 32 * 1024 * KIB },
    extraCommands: serverCommands,
  });
  return registry.commands;
}
