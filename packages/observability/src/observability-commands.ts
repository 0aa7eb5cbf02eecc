/**
 * Every entry that this package adds to the core's. An engine that has them is observed
 * (`observe`).
 */
import type { Command } from '@kora/core';
import { latencyCommands } from './latency.commands.ts';
import { slowlogCommands } from './slowlog.commands.ts';

/** Its entries; containers before their subcommands. */
export const observabilityCommands: readonly Command[] = [...slowlogCommands, ...latencyCommands];
