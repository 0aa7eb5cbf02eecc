/**
 * The entries of pub/sub on a shard with a host that notes what it is asked: their examples are
 * true, arguments reach the host as they were written, errors are Redis's.
 */
import type { ArgFrame, ReplyError, ReplySink } from '@kora/core';
import { argumentText, argumentTexts } from '@kora/core';
import { CommandDriver, notationOf, splitCommandLine } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { pubSubCommands } from './commands.ts';
import type { PubSubHost } from './pub-sub-host.ts';
import { attachPubSub, pubSubOf } from './pub-sub-host.ts';
import { confirmedWord, writeConfirmation } from './replies.ts';
import type { TopicKind } from './topic.ts';

class NotingHost implements PubSubHost {
  readonly hasListeners = false;
  readonly notes: string[] = [];
  names: readonly string[] = [];
  answer: number | ReplyError = 0;

  publish(channel: string, message: string): void {
    this.notes.push(`event ${channel} ${message}`);
  }

  publishFrame(kind: TopicKind, frame: ArgFrame): number | ReplyError {
    this.notes.push(`publish ${kind} ${argumentText(frame, 1)} ${argumentText(frame, 2)}`);
    return this.answer;
  }

  subscribe(kind: TopicKind, frame: ArgFrame, out: ReplySink): void {
    this.notes.push(`subscribe ${kind} ${argumentTexts(frame, 1).join(' ')}`);
    writeConfirmation(out, confirmedWord(kind, true), argumentText(frame, 1), 1);
  }

  unsubscribe(kind: TopicKind, frame: ArgFrame, out: ReplySink): void {
    this.notes.push(`unsubscribe ${kind} ${argumentTexts(frame, 1).join(' ')}`);
    writeConfirmation(out, confirmedWord(kind, false), null, 0);
  }

  activeNames(kind: TopicKind, glob: string | null): readonly string[] {
    this.notes.push(`names ${kind} ${glob ?? '-'}`);
    return this.names;
  }

  subscriberCount(_kind: TopicKind, name: string): number {
    return this.names.includes(name) ? 7 : 0;
  }

  patternCount(): number {
    return this.names.length;
  }
}

function driverOf(): { driver: CommandDriver; host: NotingHost } {
  const driver = new CommandDriver({ extraCommands: pubSubCommands });
  const host = new NotingHost();
  attachPubSub(driver.shard, host);
  return { driver, host };
}

const withExamples = pubSubCommands.filter(({ definition }) => definition.examples.length > 0);

describe('examples', () => {
  const cases = withExamples.map((command) => [command.name, command] as const);
  it.each(cases)('%s', (_name, command) => {
    const { driver } = driverOf();
    for (const [line, expected] of command.definition.examples) {
      const reply = driver.reply(...splitCommandLine(line));
      const shown = expected.startsWith('*#') && 'items' in reply
        ? `*#${reply.items.length}` : notationOf(reply);
      expect(`${line} -> ${shown}`).toBe(`${line} -> ${expected}`);
    }
  });
});

describe('the commands', () => {
  it('hand their arguments to the host of the shard', () => {
    const { driver, host } = driverOf();
    expect(pubSubOf(driver.shard)).toBe(host);
    expect(driver.shard.publisher).toBe(host);
    host.answer = 3;
    expect(notationOf(driver.reply('PUBLISH', 'a', 'x\u00ff'))).toBe(':3');
    expect(notationOf(driver.reply('SPUBLISH', 'b', ''))).toBe(':3');
    expect(notationOf(driver.reply('SUBSCRIBE', 'a', 'b'))).toBe('*[$"subscribe" $"a" :1]');
    expect(notationOf(driver.reply('PUNSUBSCRIBE'))).toBe('*[$"punsubscribe" _ :0]');
    host.names = ['a', 'c'];
    expect(notationOf(driver.reply('PUBSUB', 'CHANNELS', '*'))).toBe('*[$"a" $"c"]');
    expect(notationOf(driver.reply('PUBSUB', 'NUMSUB', 'a', 'b'))).toBe('*[$"a" :7 $"b" :0]');
    expect(notationOf(driver.reply('PUBSUB', 'NUMPAT'))).toBe(':2');
    expect(host.notes).toEqual([
      'publish 0 a x\u00ff', 'publish 2 b ', 'subscribe 0 a b', 'unsubscribe 1 ', 'names 0 *',
    ]);
  });

  it('refuse what Redis refuses', () => {
    const { driver } = driverOf();
    const error = (...words: readonly string[]): string => notationOf(driver.reply(...words));
    expect(error('PUBSUB', 'CHANNELS', 'a', 'b'))
      .toMatch(/unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP/);
    expect(error('PUBLISH', 'a')).toMatch(/wrong number of arguments for 'publish'/);
    expect(error('SSUBSCRIBE')).toMatch(/wrong number of arguments for 'ssubscribe'/);
    expect(error('COMMAND', 'GETKEYS', 'SPUBLISH', 'a', 'b'))
      .toBe('-"ERR The command has no key arguments"');
  });
});
