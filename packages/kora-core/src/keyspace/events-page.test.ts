/**
 * The table of commands and their events in docs/keyspace-events.md is what happens: every row is
 * run, and every event has a row. That Redis does the same is the comparison's to show
 * (tools/conformance/src/differential/events).
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CommandDriver } from '../testing/index.ts';
import { keyEvents } from './events.ts';

const PAGE = new URL('../../../../docs/keyspace-events.md', import.meta.url);
/** Events that no command makes by itself. */
const OF_TIME = new Set(['expired', 'evicted', 'hexpired', 'restore', '']);

interface Row {
  readonly command: string;
  readonly before: readonly string[];
  readonly events: readonly string[];
}

function rowsOf(text: string): Row[] {
  const rows: Row[] = [];
  for (const line of text.split('\n')) {
    const cells = /^\| `([^`]+)` \| (?:`([^`]+)`)? ?\| ?(.*?) ?\|$/.exec(line);
    if (cells === null) continue;
    const [, command = '', before = '', events = ''] = cells;
    rows.push({
      command,
      before: before === '' ? [] : before.split('; '),
      events: [...events.matchAll(/`([^`]+)`/g)].map(([, event = '']) => event),
    });
  }
  return rows;
}

const [, table = ''] = readFileSync(PAGE, 'utf8').split('## Commands and their events');
const rows = rowsOf(table);

describe('the page about keyspace events', () => {
  it.each(rows.map((row) => [row.command, row.before.join('; '), row] as const))(
    'is right about %s after "%s"', (command, _before, row) => {
      const driver = new CommandDriver();
      for (const each of row.before) expect(driver.runLine(each)).not.toMatch(/^-/);
      driver.run('CONFIG', 'SET', 'notify-keyspace-events', 'EA');
      const heard: string[] = [];
      driver.shard.publisher = {
        hasListeners: true,
        publish: (channel, message) => void heard.push(`${channel.split(':')[1] ?? ''} ${message}`),
      };
      expect(driver.runLine(command)).not.toMatch(/^-/);
      expect(heard).toEqual(row.events);
    },
  );

  it('has every event', () => {
    const named = new Set(rows.flatMap(({ events }) => events.map((event) => event.split(' ')[0])));
    const missing = keyEvents.map(({ name }) => name)
      .filter((name) => !OF_TIME.has(name) && !named.has(name));
    expect(missing).toEqual([]);
  });
});
