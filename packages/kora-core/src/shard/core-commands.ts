/**
 * Every command and type of the core in one place: a new file of entries adds one import and one
 * line here, a new type one line in `coreTypes`. Containers (CONFIG) come before their subcommands
 * (CONFIG|GET) within a list.
 */
import { commandCommands } from '../admin/command.commands.ts';
import { configCommands } from '../admin/config.commands.ts';
import { connectionCommands } from '../admin/connection.commands.ts';
import { debugCommands } from '../admin/debug.commands.ts';
import { memoryCommands } from '../admin/memory.commands.ts';
import { serverCommands } from '../admin/server.commands.ts';
import type { Command } from '../command/spec.ts';
import { dumpCommands } from '../generic/dump.commands.ts';
import { expireCommands } from '../generic/expire.commands.ts';
import { keysCommands } from '../generic/keys.commands.ts';
import { objectCommands } from '../generic/object.commands.ts';
import { renameCommands } from '../generic/rename.commands.ts';
import { scanCommands } from '../generic/scan.commands.ts';
import type { TypeHandler } from '../keyspace/type-handler.ts';
import { ValueType } from '../keyspace/type-handler.ts';
import { stringBasicCommands } from '../types/string/string-basic.commands.ts';
import { stringConditionalCommands } from '../types/string/string-conditional.commands.ts';
import { stringMultiCommands } from '../types/string/string-multi.commands.ts';
import { stringNumberCommands } from '../types/string/string-number.commands.ts';
import { stringRangeCommands } from '../types/string/string-range.commands.ts';
import { stringHandler } from '../types/string/string.ts';

/** Entries of the core, in the order of COMMAND LIST. */
export const coreCommands: readonly Command[] = [
  ...keysCommands,
  ...renameCommands,
  ...expireCommands,
  ...scanCommands,
  ...objectCommands,
  ...dumpCommands,
  ...stringBasicCommands,
  ...stringRangeCommands,
  ...stringNumberCommands,
  ...stringMultiCommands,
  ...stringConditionalCommands,
  ...connectionCommands,
  ...serverCommands,
  ...commandCommands,
  ...configCommands,
  ...memoryCommands,
  ...debugCommands,
];

/** Type numbers and their handlers. */
export const coreTypes: readonly (readonly [number, TypeHandler])[] = [
  [ValueType.String, stringHandler],
];
