/**
 * Families that Redis answers even where they are switched off: modules, and the cluster. Their
 * entries exist so that COMMAND tells the truth about arguments, and every one answers as
 * redis-server does without them. Where the workers are nodes of a cluster (`cluster-ports`) those
 * of CLUSTER answer (cluster-answers.ts).
 */
import type { Command, Leaf } from '@kora/core';
import {
  arg, defineCommand, defineContainer, defineHelp, Flag, reply, ReplyError,
} from '@kora/core';
import type { ClusterAnswer } from '../cluster/cluster-answers.ts';
import { clusterAnswers, clusterViewOf, refuseChange } from '../cluster/cluster-answers.ts';

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
  /** Arguments as COMMAND DOCS tells them; they are not looked at. */
  readonly documented?: readonly (readonly [string, Leaf])[];
  readonly history?: readonly (readonly [string, string])[];
  readonly deprecated?: { readonly since: string; readonly replacedBy: string };
}

/** What all entries of a family share. */
interface AbsentFamily {
  readonly container: string;
  readonly group: 'server' | 'cluster';
  readonly error: ReplyError;
  /** What the entry answers where there is a cluster; absent: the error. */
  readonly answer?: ClusterAnswer;
  readonly summary?: string;
}

function absent(
  family: AbsentFamily,
  { name, arity, flags = 0, tips = [], since, documented = [], ...others }: AbsentCommand,
): Command {
  const words = Math.abs(arity) - 2;
  const required = Array.from({ length: words }, (_, i) => {
    const isOpen = arity < 0 && i === words - 1;
    return [`argument${i + 1}`, isOpen ? arg.bytes().repeated() : arg.bytes()] as const;
  });
  const isAnyOptional = arity === -2;
  return defineCommand({
    ...others,
    documentedArgs: documented,
    name: `${family.container}|${name}`, group: family.group, since,
    summary: family.summary ??
      `Not available: there is no ${family.container.toLowerCase()} support.`,
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
    apply(shard, frame, out) {
      const view = family.answer === undefined ? null : clusterViewOf(shard, frame);
      if (view === null || family.answer === undefined) out.error(family.error);
      else family.answer(view, frame, out);
    },
  });
}

const ADMIN_CLUSTER = Flag.Admin | Flag.Stale;
const CHANGE_CLUSTER = ADMIN_CLUSTER | Flag.NoAsyncLoading;
const VARIES = ['nondeterministic_output'];

type Documented = AbsentCommand['documented'] & object;
const nodeId: Documented = [['node-id', arg.bytes()]];
const slot: Documented = [['slot', arg.integer()]];
const slots: Documented = [['slot', arg.integer().repeated()]];
const slotRanges: Documented = [[
  'start-slot_end-slot', arg.repeat({ 'start-slot': arg.integer(), 'end-slot': arg.integer() }),
]];
const setSlot: Documented = [...slot, ['subcommand', arg.oneOf({
  importing: arg.bytes('IMPORTING').documented({ name: 'node-id' }),
  migrating: arg.bytes('MIGRATING').documented({ name: 'node-id' }),
  node: arg.bytes('NODE').documented({ name: 'node-id' }),
  stable: arg.token('STABLE'),
})]];
const meet: Documented = [
  ['ip', arg.bytes()], ['port', arg.integer()],
  ['cluster_bus_port', arg.integer().optional().documented({ since: '4.0.0' })],
];

const clusterTable: readonly AbsentCommand[] = [
  { name: 'ADDSLOTS', arity: -3, flags: CHANGE_CLUSTER, since: '3.0.0', documented: slots },
  {
    name: 'ADDSLOTSRANGE', arity: -4, flags: CHANGE_CLUSTER, since: '7.0.0',
    documented: slotRanges,
  },
  { name: 'BUMPEPOCH', arity: 2, flags: CHANGE_CLUSTER, tips: VARIES, since: '3.0.0' },
  {
    name: 'COUNT-FAILURE-REPORTS', arity: 3, flags: ADMIN_CLUSTER, tips: VARIES, since: '3.0.0',
    documented: nodeId,
  },
  { name: 'COUNTKEYSINSLOT', arity: 3, flags: Flag.Stale, since: '3.0.0', documented: slot },
  { name: 'DELSLOTS', arity: -3, flags: CHANGE_CLUSTER, since: '3.0.0', documented: slots },
  {
    name: 'DELSLOTSRANGE', arity: -4, flags: CHANGE_CLUSTER, since: '7.0.0',
    documented: slotRanges,
  },
  {
    name: 'FAILOVER', arity: -2, flags: CHANGE_CLUSTER, since: '3.0.0',
    documented: [['options', arg.oneOf('FORCE', 'TAKEOVER').optional()]],
  },
  { name: 'FLUSHSLOTS', arity: 2, flags: CHANGE_CLUSTER, since: '3.0.0' },
  { name: 'FORGET', arity: 3, flags: CHANGE_CLUSTER, since: '3.0.0', documented: nodeId },
  {
    name: 'GETKEYSINSLOT', arity: 4, flags: Flag.Stale, tips: VARIES, since: '3.0.0',
    documented: [...slot, ['count', arg.integer()]],
  },
  { name: 'INFO', arity: 2, flags: Flag.Stale, tips: VARIES, since: '3.0.0' },
  {
    name: 'KEYSLOT', arity: 3, flags: Flag.Stale, since: '3.0.0',
    documented: [['key', arg.bytes()]],
  },
  { name: 'LINKS', arity: 2, flags: Flag.Stale, tips: VARIES, since: '7.0.0' },
  {
    name: 'MEET', arity: -4, flags: CHANGE_CLUSTER, since: '3.0.0',
    documented: meet,
    history: [['4.0.0', 'Added the optional `cluster_bus_port` argument.']],
  },
  { name: 'MYID', arity: 2, flags: Flag.Stale, since: '3.0.0' },
  { name: 'NODES', arity: 2, flags: Flag.Stale, tips: VARIES, since: '3.0.0' },
  {
    name: 'REPLICAS', arity: 3, flags: ADMIN_CLUSTER, tips: VARIES, since: '5.0.0',
    documented: nodeId,
  },
  { name: 'REPLICATE', arity: 3, flags: CHANGE_CLUSTER, since: '3.0.0', documented: nodeId },
  {
    name: 'RESET', arity: -2, flags: ADMIN_CLUSTER | Flag.NoScript, since: '3.0.0',
    documented: [['hard_soft', arg.oneOf('HARD', 'SOFT').optional()]],
  },
  { name: 'SAVECONFIG', arity: 2, flags: CHANGE_CLUSTER, since: '3.0.0' },
  {
    name: 'SET-CONFIG-EPOCH', arity: 3, flags: CHANGE_CLUSTER, since: '3.0.0',
    documented: [['config-epoch', arg.integer()]],
  },
  { name: 'SETSLOT', arity: -4, flags: CHANGE_CLUSTER, since: '3.0.0', documented: setSlot },
  { name: 'SHARDS', arity: 2, flags: Flag.Stale, tips: VARIES, since: '7.0.0' },
  {
    name: 'SLAVES', arity: 3, flags: ADMIN_CLUSTER, tips: VARIES, since: '3.0.0',
    documented: nodeId,
    deprecated: { since: '5.0.0', replacedBy: '`CLUSTER REPLICAS`' },
  },
  {
    name: 'SLOTS', arity: 2, flags: Flag.Stale, tips: VARIES, since: '3.0.0',
    deprecated: { since: '7.0.0', replacedBy: '`CLUSTER SHARDS`' },
    history: [['4.0.0', 'Names the nodes by their IDs.'], ['7.0.0', 'Tells more of addresses.']],
  },
];

/** Summaries of those that tell something. */
const clusterSummaries: ReadonlyMap<string, string> = new Map([
  ['COUNT-FAILURE-REPORTS', 'Counts reports that a node has failed; there are none.'],
  ['COUNTKEYSINSLOT', 'Counts the keys of a slot.'],
  ['GETKEYSINSLOT', 'Lists keys of a slot.'],
  ['INFO', 'Tells how the cluster is.'],
  ['KEYSLOT', 'Answers the slot of a key.'],
  ['LINKS', 'Lists the connections between nodes; there are none.'],
  ['MYID', 'Answers the id of the node.'],
  ['NODES', 'Describes the nodes, a line each.'],
  ['REPLICAS', 'Lists the replicas of a node; there are none.'],
  ['SHARDS', 'Tells which slots are where.'],
  ['SLAVES', 'Lists the replicas of a node; there are none.'],
  ['SLOTS', 'Tells which slots are where, by ranges.'],
]);

const CHANGE_MODULES = Flag.Admin | Flag.NoScript | Flag.NoAsyncLoading;

const moduleTable: readonly AbsentCommand[] = [
  {
    name: 'LOAD', arity: -3, flags: CHANGE_MODULES, since: '4.0.0',
    documented: [['path', arg.bytes()], ['arg', arg.bytes().repeated().optional()]],
  },
  {
    name: 'LOADEX', arity: -3, flags: CHANGE_MODULES, since: '7.0.0',
    documented: [
      ['path', arg.bytes()],
      ['configs', arg.block({ name: arg.bytes(), value: arg.bytes() }, 'CONFIG')
        .repeated().optional()],
      ['args', arg.block({ arg: arg.bytes() }, 'ARGS')
        .repeated().optional().documented({ hasTokenOnce: true })],
    ],
  },
  {
    name: 'UNLOAD', arity: 3, flags: CHANGE_MODULES, since: '4.0.0',
    documented: [['name', arg.bytes()]],
  },
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

/** What clients of a cluster say of their connection, which makes no difference here. */
const clusterWords: readonly (readonly [name: string, flags: number, summary: string])[] = [
  ['ASKING', Flag.Fast, 'Accepted where there is a cluster; no slot ever moves.'],
  [
    'READONLY', Flag.Fast | Flag.Loading | Flag.Stale,
    'Accepted where there is a cluster; every node serves all keys.',
  ],
  [
    'READWRITE', Flag.Fast | Flag.Loading | Flag.Stale,
    'Accepted where there is a cluster; every node serves all keys.',
  ],
];

function clusterWord(name: string, flags: number, summary: string): Command {
  return defineCommand({
    name, group: 'cluster', since: '3.0.0', summary,
    complexity: 'O(1)',
    arity: 1,
    flags,
    acl: ['connection'],
    keys: [],
    args: {},
    reply: reply.any('OK with --cluster-ports, else an error'),
    examples: [[name, '-"ERR This instance has cluster support disabled"']],
    apply(shard, frame, out) {
      if (clusterViewOf(shard, frame) === null) out.error(noCluster);
      else out.ok();
    },
  });
}

/** Entries of MODULE and CLUSTER, each container first, and words of cluster clients. */
export const absentCommands: readonly Command[] = [
  ...clusterWords.map((word) => clusterWord(...word)),
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
    name: 'CLUSTER', group: 'cluster', since: '3.0.0',
    summary: 'About a cluster, whose nodes are the workers with --cluster-ports.',
  }),
  ...clusterTable.map((entry) => absent({
    container: 'CLUSTER', group: 'cluster', error: noCluster,
    answer: clusterAnswers.get(entry.name) ?? refuseChange,
    summary: clusterSummaries.get(entry.name) ??
      'Refused: the nodes of a cluster are workers, and its slots are dealt out for good.',
  }, entry)),
  defineHelp({
    container: 'CLUSTER', group: 'cluster', since: '5.0.0',
    lines: [
      'INFO',
      '    Tells how the cluster is. Without --cluster-ports all answer that there is none.',
    ],
  }),
];
