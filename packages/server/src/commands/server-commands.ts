/**
 * Every entry that a server adds to the core's.
 */
import type { Command } from '@kora/core';
import { observabilityCommands } from '@kora/observability';
import { pubSubCommands } from '@kora/pubsub';
import { absentCommands } from './absent.commands.ts';
import { clientAdminCommands } from './client-admin.commands.ts';
import { clientCommands } from './client.commands.ts';
import { connectionCommands } from './connection.commands.ts';
import { monitorCommands } from '../observe/monitor.commands.ts';
import { processCommands } from './process.commands.ts';
import { trackingCommands } from '../tracking/tracking.commands.ts';

/** The server's entries; containers before their subcommands. */
export const serverCommands: readonly Command[] = [
  ...connectionCommands,
  ...clientCommands,
  ...clientAdminCommands,
  ...trackingCommands,
  ...processCommands,
  ...pubSubCommands,
  ...observabilityCommands,
  ...monitorCommands,
  ...absentCommands,
];
