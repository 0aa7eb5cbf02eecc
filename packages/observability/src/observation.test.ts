/**
 * The slow log, LATENCY and INFO latencystats of an engine under a virtual clock: a command of the
 * test takes as long as its argument says, so every duration is exact.
 */
import type { Command } from '@kora/core';
import { arg, argumentText, defineCommand, Flag, reply } from '@kora/core';
import { CommandDriver } from '@kora/core/testing';
import { describe, expect, it } from 'vitest';
import { observabilityCommands } from './observability-commands.ts';
import { observe } from './observation.ts';

/** A command that takes so many microseconds, whatever follows. */
function spending(name: string, flags: number, spend: (us: number) => void): Command {
  return defineCommand({
    name, group: 'server', since: '1.0.0', summary: 'Takes time.', complexity: 'O(n)', arity: -2,
    flags, acl: [], keys: [],
    args: { us: arg.bytes(), more: arg.bytes().repeated().optional() },
    reply: reply.ok(), examples: [],
    apply(_shard, frame, out) {
      spend(Number(argumentText(frame, 1)));
      out.ok();
    },
  });
}

class Engine extends CommandDriver {
  constructor(settings: Readonly<Record<string, string>> = {}) {
    const spend = (us: number): void => {
      this.clock.advance(us / 1000);
    };
    super({
      settings,
      extraCommands: [
        ...observabilityCommands, spending('SPEND', 0, spend),
        spending('QUICK', Flag.Fast, spend), spending('HUSH', Flag.SkipSlowlog, spend),
      ],
    });
    observe({ shard: this.shard, settings: this.settings, info: this.engine.info });
  }

  /** Durations and words in the slow log, newest first. */
  get slow(): [number, string][] {
    const reply = this.reply('SLOWLOG', 'GET', '-1');
    return itemsOf(reply).map((entry) => {
      const [, , us, words] = itemsOf(entry);
      return [Number(textOf(us)), itemsOf(words).map(textOf).join(' ')];
    });
  }

  latencyLine(command: string): string | undefined {
    const text = textOf(this.reply('INFO', 'latencystats'));
    return text.split('\r\n').find((line) => line.includes(`_${command}:`));
  }
}

type Reply = ReturnType<CommandDriver['reply']>;

function itemsOf(reply: Reply | undefined): readonly Reply[] {
  return reply !== undefined && 'items' in reply ? reply.items : [];
}

function textOf(reply: Reply | undefined): string {
  return reply !== undefined && 'text' in reply ? reply.text : '';
}

describe('examples', () => {
  const withExamples = observabilityCommands.filter(
    ({ definition }) => definition.examples.length > 0,
  );
  it.each(withExamples.map((command) => [command.name, command] as const))(
    '%s', (_name, { definition }) => {
      const engine = new Engine();
      for (const [line, expected] of definition.examples) {
        const reply = engine.reply(...line.split(' '));
        const counted = `*#${itemsOf(reply).length}`;
        const shown = expected.startsWith('*#') ? counted : engine.runLine(line);
        expect(`${line} -> ${shown}`).toBe(`${line} -> ${expected}`);
      }
    },
  );
});

describe('the slow log', () => {
  it('takes calls from the threshold on, newest first', () => {
    const engine = new Engine();
    for (const us of [9999, 10_000, 25_000, 3]) engine.run('SPEND', us);
    expect(engine.slow).toEqual([[25_000, 'SPEND 25000'], [10_000, 'SPEND 10000']]);
    expect(engine.run('SLOWLOG', 'LEN')).toBe(':2');
    expect(engine.run('SLOWLOG', 'RESET')).toBe('+"OK"');
    expect(engine.slow).toEqual([]);
    engine.run('SPEND', 10_000);
    expect(engine.run('SLOWLOG', 'GET')).toBe(
      '*[*[:2 :1700000000 :10000 *[$"SPEND" $"10000"] $"" $""]]',
    );
  });
  it('takes everything at 0, and nothing below', () => {
    const engine = new Engine({ 'slowlog-log-slower-than': '0' });
    engine.run('SET', 'a', '1');
    for (let i = 0; i < 5; i++) engine.run('GET', 'a');
    expect(engine.slow.map(([, words]) => words)).toEqual([
      'GET a', 'GET a', 'GET a', 'GET a', 'GET a', 'SET a 1',
    ]);
    engine.run('CONFIG', 'SET', 'slowlog-log-slower-than', '-1');
    engine.run('SLOWLOG', 'RESET');
    engine.run('SPEND', 1e9);
    expect(engine.slow).toEqual([]);
  });
  it('never misses a slow call of a usually brief command', () => {
    const engine = new Engine();
    for (let i = 0; i < 100; i++) engine.run('SPEND', 1);
    engine.run('SPEND', 50_000);
    for (let i = 0; i < 100; i++) engine.run('QUICK', 1);
    engine.run('QUICK', '60000', ...Array.from({ length: 40 }, () => 'x'));
    expect(engine.slow.map(([us]) => us)).toEqual([60_000, 50_000]);
  });
  it('shows 32 words, and 128 bytes of a word', () => {
    const engine = new Engine({ 'slowlog-log-slower-than': '0' });
    const words = Array.from({ length: 40 }, (_, i) => `w${i}`);
    engine.run('SPEND', '5', ...words);
    engine.run('SPEND', '5', ...words.slice(0, 30));
    engine.run('SET', 'k', 'y'.repeat(300));
    engine.run('SET', 'k', 'y'.repeat(128));
    expect(engine.slow.map(([, text]) => text)).toEqual([
      `SET k ${'y'.repeat(128)}`,
      `SET k ${'y'.repeat(128)}... (172 more bytes)`,
      `SPEND 5 ${words.slice(0, 30).join(' ')}`,
      `SPEND 5 ${words.slice(0, 29).join(' ')} ... (11 more arguments)`,
    ]);
  });
  it('shows the start of arguments that the command has taken', () => {
    const engine = new Engine({ 'slowlog-log-slower-than': '0' });
    engine.run('SET', 'big', 'z'.repeat(100_000));
    engine.run('APPEND', 'big', 'q'.repeat(70_000));
    expect(engine.slow.map(([, text]) => text)).toEqual([
      `APPEND big ${'q'.repeat(128)}... (69872 more bytes)`,
      `SET big ${'z'.repeat(128)}... (99872 more bytes)`,
    ]);
  });
  it('shows the commands of an EXEC, not EXEC, and nothing that asks for silence', () => {
    const engine = new Engine();
    for (const line of ['MULTI', 'SPEND 20000', 'SPEND 1', 'SPEND 30000', 'EXEC', 'HUSH 90000']) {
      engine.runLine(line);
    }
    expect(engine.slow.map(([us]) => us)).toEqual([30_000, 20_000]);
  });
  it('hides passwords', () => {
    const engine = new Engine({ 'slowlog-log-slower-than': '0' });
    engine.run('CONFIG', 'SET', 'RequirePass', 'secret', 'maxmemory', '0', 'masterauth', 'x');
    expect(engine.slow.map(([, text]) => text)).toEqual([
      'CONFIG SET RequirePass (redacted) maxmemory 0 masterauth (redacted)',
    ]);
  });
  it('keeps bytes as they are, and names clients', () => {
    const engine = new Engine({ 'slowlog-log-slower-than': '0' });
    engine.client.name = 'ada';
    engine.run('SET', Uint8Array.of(0, 255, 10), '\xe4');
    expect(engine.run('SLOWLOG', 'GET', '1')).toMatch(
      /\*\[\$"SET" \$"\\x00\\xff\\n" \$"\\xe4"\] \$"" \$"ada"\]\]$/,
    );
  });
  it.each([
    ['SLOWLOG GET -2', '-"ERR count should be greater than or equal to -1"'],
    ['SLOWLOG GET x', '-"ERR count should be greater than or equal to -1"'],
    ['SLOWLOG GET 9223372036854775808', '-"ERR count should be greater than or equal to -1"'],
    ['SLOWLOG GET 0', '*[]'],
  ])('answers %s', (line, reply) => {
    const engine = new Engine();
    engine.run('SPEND', 20_000);
    expect(engine.runLine(line)).toBe(reply);
  });
  it('has no entries with slowlog-max-len 0, and bounds a huge one', () => {
    const engine = new Engine({ 'slowlog-max-len': '0', 'slowlog-log-slower-than': '0' });
    for (let i = 0; i < 10; i++) engine.run('SPEND', 1);
    expect(engine.run('SLOWLOG', 'LEN')).toBe(':0');
    expect(engine.slow).toEqual([]);
    engine.run('CONFIG', 'SET', 'slowlog-max-len', '9223372036854775807');
    for (let i = 0; i < 300; i++) engine.run('SPEND', 1);
    expect(engine.run('SLOWLOG', 'LEN')).toBe(':301');
  });
});

describe('latency events', () => {
  it('are off without a threshold', () => {
    const engine = new Engine();
    engine.run('SPEND', 500_000);
    expect(engine.run('LATENCY', 'LATEST')).toBe('*[]');
    expect(engine.run('LATENCY', 'DOCTOR')).toContain('latency-monitor-threshold');
  });
  it('tell commands and fast commands apart, a second with its worst', () => {
    const engine = new Engine({ 'latency-monitor-threshold': '5' });
    engine.run('LATENCY', 'DOCTOR');
    for (const us of [4999, 5000, 70_000, 6000]) engine.run('SPEND', us);
    engine.run('QUICK', '9000', ...Array.from({ length: 20 }, () => 'x'));
    engine.clock.advance(2000);
    engine.run('SPEND', 8000);
    expect(engine.run('LATENCY', 'HISTORY', 'command')).toBe(
      '*[*[:1700000000 :70] *[:1700000002 :8]]',
    );
    expect(engine.run('LATENCY', 'LATEST')).toBe(
      '*[*[$"command" :1700000002 :8 :70] *[$"fast-command" :1700000000 :9 :9]]',
    );
    expect(engine.run('LATENCY', 'DOCTOR')).toContain('2 latency spikes, one every 2.0 s');
    expect(engine.run('LATENCY', 'RESET', 'nosuch', 'command', 'command')).toBe(':1');
    expect(engine.run('LATENCY', 'RESET')).toBe(':1');
    expect(engine.run('LATENCY', 'RESET')).toBe(':0');
    expect(engine.run('LATENCY', 'DOCTOR')).toContain('No latency spike');
  });
  it('keep the last 160 seconds of a kind', () => {
    const engine = new Engine({ 'latency-monitor-threshold': '1' });
    for (let i = 0; i < 200; i++) {
      engine.run('SPEND', 1000 + i * 1000);
      engine.clock.advance(1000 - (1 + i));
    }
    const history = itemsOf(engine.reply('LATENCY', 'HISTORY', 'command'));
    expect(history).toHaveLength(160);
    expect(textOf(itemsOf(history[0])[1])).toBe('41');
  });
  it('count evictions', () => {
    const engine = new Engine({ 'latency-monitor-threshold': '1' });
    engine.shard.observer?.onCycle('eviction-cycle', 2500);
    engine.shard.observer?.onCycle('expire-cycle', 900);
    expect(engine.run('LATENCY', 'LATEST')).toBe('*[*[$"eviction-cycle" :1700000000 :2 :2]]');
  });
});

describe('histograms of commands', () => {
  it('add up to the calls, timed or not', () => {
    const engine = new Engine();
    for (let i = 0; i < 1000; i++) engine.run('QUICK', 3);
    expect(engine.run('LATENCY', 'HISTOGRAM', 'quick')).toBe(
      '*[$"quick" *[$"calls" :1000 $"histogram_usec" *[:4 :1000]]]',
    );
    const stats = textOf(engine.reply('INFO', 'commandstats'));
    expect(stats).toContain('cmdstat_quick:calls=1000,usec=3000,usec_per_call=3.00,');
  });
  it('show percentiles as asked, by the name of a container too', () => {
    const engine = new Engine({
      'latency-tracking-info-percentiles': '0 50 99.99', 'slowlog-log-slower-than': '0',
    });
    for (const us of [1, 2, 3, 100]) engine.run('SPEND', us);
    expect(engine.latencyLine('spend')).toBe(
      'latency_percentiles_usec_spend:p0=1.000,p50=2.007,p99.99=100.351',
    );
    engine.run('CONFIG', 'GET', 'x');
    const found = itemsOf(engine.reply('LATENCY', 'HISTOGRAM', 'CONFIG', 'nosuch'));
    expect(found.map(textOf)).toContain('config|get');
  });
  it('stand still without latency-tracking, and begin anew with CONFIG RESETSTAT', () => {
    const engine = new Engine({ 'latency-tracking': 'no' });
    engine.run('SPEND', 5);
    expect(engine.run('LATENCY', 'HISTOGRAM', 'spend')).toBe('*[]');
    expect(textOf(engine.reply('INFO', 'latencystats'))).toBe('# Latencystats\r\n');
    engine.run('CONFIG', 'SET', 'latency-tracking', 'yes');
    engine.run('SPEND', 5);
    expect(engine.run('LATENCY', 'HISTOGRAM', 'spend')).toContain('"calls" :1 ');
    engine.run('CONFIG', 'RESETSTAT');
    expect(engine.run('LATENCY', 'HISTOGRAM', 'spend')).toBe('*[]');
    expect(engine.latencyLine('spend')).toBeUndefined();
  });
});
