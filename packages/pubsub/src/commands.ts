/**
 * Every entry of pub/sub, for whoever composes an engine.
 */
import type { Command } from '@kora/core';
import { introspectionCommands } from './introspection.commands.ts';
import { publishCommands } from './publish.commands.ts';
import { subscribeCommands } from './subscribe.commands.ts';

/** The entries; containers before their subcommands. */
export const pubSubCommands: readonly Command[] = [
  ...publishCommands, ...subscribeCommands, ...introspectionCommands,
];
