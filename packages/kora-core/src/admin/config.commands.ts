/**
 * CONFIG: the settings table over the wire. Everything but the reply's form is decided in
 * settings/.
 */
import type { ArgFrame } from '../command/arg-frame.hot.ts';
import { argumentText, argumentTexts, writeLatin1 } from '../command/argument-text.ts';
import { defineContainer, defineHelp } from '../command/container.ts';
import { arg } from '../command/grammar.ts';
import { reply } from '../command/reply-schema.ts';
import type { Command } from '../command/spec.ts';
import { defineCommand, Flag } from '../command/spec.ts';
import { ReplyError } from '../errors/reply-error.ts';
import { rewriteConfigText } from '../settings/config-rewrite.ts';

const ADMIN = Flag.Admin | Flag.NoScript | Flag.Loading | Flag.Stale;
const noConfigFile = new ReplyError('ERR The server is running without a config file');

export const config = defineContainer({
  name: 'CONFIG', group: 'server', since: '2.0.0', summary: 'Reads and changes settings.',
});

export const configGet = defineCommand({
  name: 'CONFIG|GET', group: 'server', since: '2.0.0',
  summary: 'Returns the settings that match names or patterns.',
  complexity: 'O(n * m); n = settings, m = patterns.',
  arity: -3,
  flags: ADMIN,
  acl: [],
  keys: [],
  history: [['7.0.0', 'Takes several patterns.']],
  args: { parameter: arg.repeat({ parameter: arg.bytes() }) },
  reply: reply.map('names and values'),
  examples: [
    ['CONFIG GET maxmemory', '*[$"maxmemory" $"0"]'],
    ['CONFIG GET nosuch', '*[]'],
  ],
  apply(shard, frame, out) {
    const found = shard.engine.settings.match(argumentTexts(frame, 2));
    out.map(found.length);
    for (const { name, text } of found) {
      writeLatin1(out, name);
      writeLatin1(out, text);
    }
  },
});

export const configSet = defineCommand({
  name: 'CONFIG|SET', group: 'server', since: '2.0.0',
  summary: 'Changes settings: all that are given, or none.',
  complexity: 'O(n); n = settings given.',
  arity: -4,
  flags: ADMIN,
  acl: [],
  keys: [],
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  history: [['7.0.0', 'Takes several settings.']],
  args: { parameter_value: arg.repeat({ parameter: arg.bytes(), value: arg.bytes() }) },
  reply: reply.ok('all values are in force'),
  examples: [
    ['CONFIG SET maxmemory 1gb maxmemory-policy allkeys-lru', '+"OK"'],
    [
      'CONFIG GET maxmemory maxmemory-p*',
      '*[$"maxmemory" $"1073741824" $"maxmemory-policy" $"allkeys-lru"]',
    ],
  ],
  apply(shard, frame, out) {
    const error = shard.engine.settings.change(pairsOf(frame));
    if (error === null) out.ok();
    else out.error(error);
  },
});

export const configResetStat = defineCommand({
  name: 'CONFIG|RESETSTAT', group: 'server', since: '2.0.0',
  summary: 'Sets the counters that INFO shows to zero.',
  complexity: 'O(n); n = commands.',
  arity: 2,
  flags: ADMIN,
  acl: [],
  keys: [],
  args: {},
  reply: reply.ok(),
  examples: [['CONFIG RESETSTAT', '+"OK"']],
  apply(shard, _frame, out) {
    shard.stats.reset();
    shard.timer.reset();
    out.ok();
  },
});

export const configRewrite = defineCommand({
  name: 'CONFIG|REWRITE', group: 'server', since: '2.8.0',
  summary: 'Writes the settings in force to the configuration file.',
  complexity: 'O(n); n = lines of the file.',
  arity: 2,
  flags: ADMIN,
  acl: [],
  keys: [],
  args: {},
  reply: reply.ok('the file is written'),
  examples: [['CONFIG REWRITE', '-"ERR The server is running without a config file"']],
  apply(shard, _frame, out) {
    const { engine } = shard;
    const rewrite = engine.rewriteConfigFile;
    const error =
      rewrite === null
        ? noConfigFile
        : rewrite((text) => rewriteConfigText(engine.settings, text));
    if (error === null) out.ok();
    else out.error(error);
  },
});

export const configHelp = defineHelp({
  container: 'CONFIG', group: 'server', since: '5.0.0',
  lines: [
    'GET <pattern> [<pattern> ...]',
    '    Returns the settings whose names match, with their values.',
    'SET <setting> <value> [<setting> <value> ...]',
    '    Changes settings, all of them or none.',
    'RESETSTAT',
    '    Sets the counters of INFO to zero.',
    'REWRITE',
    '    Writes the settings in force to the configuration file.',
  ],
});

/** Entries of CONFIG. */
export const configCommands: readonly Command[] = [
  config, configGet, configSet, configResetStat, configRewrite, configHelp,
];

/** Names and values of a CONFIG SET. */
export function pairsOf(frame: ArgFrame): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 2; i + 1 < frame.count; i += 2) {
    pairs.push([argumentText(frame, i), argumentText(frame, i + 1)]);
  }
  return pairs;
}
