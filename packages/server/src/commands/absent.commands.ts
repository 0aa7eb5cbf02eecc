/**
 * Families that Redis answers even where they are switched off: modules, and the cluster. Their
 * entries exist so that
 * COMMAND tells the truth about arguments, and every one answers as redis-server does without them.
 */
import type { Command } from '@kora/core';
import {
  arg, defineCommand, defineContainer, defineHelp, Flag, reply, ReplyError,
} from '@kora/core';

const noModules = new ReplyError(
  'ERR MODULE command not allowed. If the enable-module-command option is set to "local", you ' +
    'can run it from a local connection, otherwise you need to set this option in the ' +
    'configuration file, and then restart the server.',
);
const noCluster = new ReplyError('ERR This instance has cluster support disabled');

/** What an entry of these families differs in. */
interface AbsentCommand {
  readonly name: string;
  readonly arity: number;
  readonly flags?: number;
  readonly tips?: readonly string[];
  readonly since: string;
}

/** What all entries of a family share. */
interface AbsentFamily {
  readonly container: string;
  readonly group: 'server' | 'cluster';
  readonly error: ReplyError;
}

function absent(
  family: AbsentFamily,
  { name, arity, flags = 0, tips = [], since }: AbsentCommand,
): Command {
  const words = Math.abs(arity) - 2;
  const required = Array.from({ length: words }, (_, i) => {
    const isOpen = arity < 0 && i === words - 1;
    return [`argument${i + 1}`, isOpen ? arg.bytes().repeated() : arg.bytes()] as const;
  });
  const isAnyOptional = arity === -2;
  return defineCommand({
    name: `${family.container}|${name}`, group: family.group, since,
    summary: `Not available: there is no ${family.container.toLowerCase()} support.`,
    complexity: 'O(1)',
    arity,
    flags,
    acl: [],
    keys: [],
    tips,
    args: Object.fromEntries(
      isAnyOptional ? [['arguments', arg.bytes().repeated().optional()]] : required,
    ),
    reply: reply.any('always the error'),
    examples: [],
    apply(_shard, _frame, out) {
      out.error(family.error);
    },
  });
}

const ADMIN_CLUSTER = Flag.Admin | Flag.Stale;
const CHANGE_CLUSTER = ADMIN_CLUSTER | Flag.NoAsyncLoading;
const VARIES = ['nondeterministic_output'];

const clusterTable: readonly AbsentCommand[] = [
  { name: 'ADDSLOTS', arity: -3, flags: CHANGE_CLUSTER, since: '3.0.0' },
  { name: 'ADDSLOTSRANGE', arity: -4, flags: CHANGE_CLUSTER, since: '7.0.0' },
  { name: 'BUMPEPOCH', arity: 2, flags: CHANGE_CLUSTER, tips: VARIES, since: '3.0.0' },
  { name: 'COUNT-FAILURE-REPORTS', arity: 3, flags: ADMIN_CLUSTER, tips: VARIES, since: '3.0.0' },
  { name: 'COUNTKEYSINSLOT', arity: 3, flags: Flag.Stale, since: '3.0.0' },
  { name: 'DELSLOTS', arity: -3, flags: CHANGE_CLUSTER, since: '3.0.0' },
  { name: 'DELSLOTSRANGE', arity: -4, flags: CHANGE_CLUSTER, since: '7.0.0' },
  { name: 'FAILOVER', arity: -2, flags: CHANGE_CLUSTER, since: '3.0.0' },
  { name: 'FLUSHSLOTS', arity: 2, flags: CHANGE_CLUSTER, since: '3.0.0' },
  { name: 'FORGET', arity: 3, flags: CHANGE_CLUSTER, since: '3.0.0' },
  { name: 'GETKEYSINSLOT', arity: 4, flags: Flag.Stale, tips: VARIES, since: '3.0.0' },
  { name: 'INFO', arity: 2, flags: Flag.Stale, tips: VARIES, since: '3.0.0' },
  { name: 'KEYSLOT', arity: 3, flags: Flag.Stale, since: '3.0.0' },
  { name: 'LINKS', arity: 2, flags: Flag.Stale, tips: VARIES, since: '7.0.0' },
  { name: 'MEET', arity: -4, flags: CHANGE_CLUSTER, since: '3.0.0' },
  { name: 'MYID', arity: 2, flags: Flag.Stale, since: '3.0.0' },
  { name: 'NODES', arity: 2, flags: Flag.Stale, tips: VARIES, since: '3.0.0' },
  { name: 'REPLICAS', arity: 3, flags: ADMIN_CLUSTER, tips: VARIES, since: '5.0.0' },
  { name: 'REPLICATE', arity: 3, flags: CHANGE_CLUSTER, since: '3.0.0' },
  { name: 'RESET', arity: -2, flags: ADMIN_CLUSTER | Flag.NoScript, since: '3.0.0' },
  { name: 'SAVECONFIG', arity: 2, flags: CHANGE_CLUSTER, since: '3.0.0' },
  { name: 'SET-CONFIG-EPOCH', arity: 3, flags: CHANGE_CLUSTER, since: '3.0.0' },
  { name: 'SETSLOT', arity: -4, flags: CHANGE_CLUSTER, since: '3.0.0' },
  { name: 'SHARDS', arity: 2, flags: Flag.Stale, tips: VARIES, since: '7.0.0' },
  { name: 'SLAVES', arity: 3, flags: ADMIN_CLUSTER, tips: VARIES, since: '3.0.0' },
  { name: 'SLOTS', arity: 2, flags: Flag.Stale, tips: VARIES, since: '3.0.0' },
];

const CHANGE_MODULES = Flag.Admin | Flag.NoScript | Flag.NoAsyncLoading;

const moduleTable: readonly AbsentCommand[] = [
  { name: 'LOAD', arity: -3, flags: CHANGE_MODULES, since: '4.0.0' },
  { name: 'LOADEX', arity: -3, flags: CHANGE_MODULES, since: '7.0.0' },
  { name: 'UNLOAD', arity: 3, flags: CHANGE_MODULES, since: '4.0.0' },
];

export const moduleList = defineCommand({
  name: 'MODULE|LIST', group: 'server', since: '4.0.0',
  summary: 'Lists the loaded modules; there are none.',
  complexity: 'O(1)',
  arity: 2,
  flags: Flag.Admin | Flag.NoScript,
  acl: [],
  keys: [],
  tips: ['nondeterministic_output_order'],
  args: {},
  reply: reply.array('always empty'),
  examples: [['MODULE LIST', '*[]']],
  apply(_shard, _frame, out) {
    out.array(0);
  },
});

/** Entries of MODULE and CLUSTER; each container first. */
export const absentCommands: readonly Command[] = [
  defineContainer({
    name: 'MODULE', group: 'server', since: '4.0.0', summary: 'About modules; none can be loaded.',
  }),
  moduleList,
  ...moduleTable.map((entry) =>
    absent({ container: 'MODULE', group: 'server', error: noModules }, entry)),
  defineHelp({
    container: 'MODULE', group: 'server', since: '5.0.0',
    lines: ['LIST', '    Lists the loaded modules; there are none.'],
  }),
  defineContainer({
    name: 'CLUSTER', group: 'cluster', since: '3.0.0', summary: 'About a cluster; this is not one.',
  }),
  ...clusterTable.map((entry) =>
    absent({ container: 'CLUSTER', group: 'cluster', error: noCluster }, entry)),
  defineHelp({
    container: 'CLUSTER', group: 'cluster', since: '5.0.0',
    lines: ['INFO', '    Answers that cluster support is disabled, as all others do.'],
  }),
];
