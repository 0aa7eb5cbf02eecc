/**
 * ACL categories of a command: those its entry names and those that follow from its flags, in
 * Redis's order. The whole list is what ACL CAT shows.
 */
import type { Command } from './spec.ts';
import { Flag } from './spec.ts';

/** Every category of Redis 7.0, in its order. */
export const aclCategories: readonly string[] = Object.freeze([
  'keyspace', 'read', 'write', 'set', 'sortedset', 'list', 'hash', 'string', 'bitmap',
  'hyperloglog', 'geo', 'stream', 'pubsub', 'admin', 'fast', 'slow', 'blocking', 'dangerous',
  'connection', 'transaction', 'scripting',
]);

/** Categories by flags and names alone. @param named what the entry's `acl` lists */
export function categoriesOf(flags: number, named: readonly string[]): readonly string[] {
  const found = new Set(named);
  if ((flags & Flag.Write) !== 0) found.add('write');
  if ((flags & Flag.ReadOnly) !== 0 && !found.has('scripting')) found.add('read');
  if ((flags & Flag.Admin) !== 0) found.add('admin').add('dangerous');
  if ((flags & Flag.PubSub) !== 0) found.add('pubsub');
  if ((flags & Flag.Blocking) !== 0) found.add('blocking');
  found.add((flags & Flag.Fast) !== 0 ? 'fast' : 'slow');
  const known = aclCategories.filter((name) => found.has(name));
  const own = [...found].filter((name) => !aclCategories.includes(name));
  return [...known, ...own];
}

/** Categories of a command, without `@`. */
export function categoriesOfCommand(command: Command): readonly string[] {
  return categoriesOf(command.flags, command.definition.acl);
}
