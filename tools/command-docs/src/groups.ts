/**
 * The groups of COMMAND DOCS as chapters: title and place in the index. A page is made for each
 * group that has a command, so a group without any may stand here.
 */
import type { Command } from '@kora/core';
import { spokenName } from './syntax-line.ts';

/** Name of a group, as COMMAND DOCS has it. */
export type Group = Command['definition']['group'];

const TITLES: Readonly<Record<Group, string>> = {
  string: 'Strings', generic: 'Keys of any type', list: 'Lists', hash: 'Hashes', set: 'Sets',
  sorted_set: 'Sorted sets', stream: 'Streams', bitmap: 'Bitmaps', hyperloglog: 'HyperLogLog',
  geo: 'Geospatial indexes', json: 'JSON documents', vector: 'Vectors', pubsub: 'Publish/subscribe',
  transactions: 'Transactions', scripting: 'Scripts and functions', connection: 'Connections',
  server: 'Server', cluster: 'Cluster',
};

/** One page: a group and its commands, containers before their subcommands. */
export interface Chapter {
  readonly title: string;
  /** File in docs/commands. */
  readonly file: string;
  readonly commands: readonly Command[];
}

/** The chapters that have commands, in the order of the index. */
export function chaptersOf(commands: readonly Command[]): Chapter[] {
  const byName = [...commands].sort((a, b) => (spokenName(a) < spokenName(b) ? -1 : 1));
  return Object.entries(TITLES)
    .map(([group, title]) => ({
      title,
      file: `${group.replace('_', '-')}.md`,
      commands: byName.filter(({ definition }) => definition.group === group),
    }))
    .filter((chapter) => chapter.commands.length > 0);
}
