/**
 * What the CLUSTER commands answer where the workers are nodes of a cluster (cluster-map.ts), in
 * the shapes of Redis 7.0. What would change a cluster is refused: this one changes never.
 * COUNTKEYSINSLOT and GETKEYSINSLOT are asked of all workers, and only the slot's owner has any.
 * Cost: those two O(keys of the owner), for there is no index of slots; all others O(workers).
 */
import type { ArgFrame, ReplySink, Shard } from '@kora/core';
import {
  argumentText, countKeysOfSlot, ReplyError, replyErrors, SLOT_COUNT, slotOfArgument, slotOwners,
  writeKeysOfSlot,
} from '@kora/core';
import type { Asking } from '../mesh/part-client.ts';
import { PartClient } from '../mesh/part-client.ts';
import { Session } from '../session.ts';
import type { ClusterMap, ClusterNode } from './cluster-map.ts';
import { hostFor } from './cluster-map.ts';

/** A cluster, and where its nodes are for whoever asks. */
export interface ClusterView {
  readonly map: ClusterMap;
  readonly host: string;
  readonly shard: Shard;
}

/** Writes the reply of a command. */
export type ClusterAnswer = (view: ClusterView, frame: ArgFrame, out: ReplySink) => void;

const invalidSlot = new ReplyError('ERR Invalid slot');
const invalidCount = new ReplyError('ERR Invalid slot or number of keys');
const isFixed = new ReplyError('ERR the nodes of this cluster are workers of one process: its ' +
  'slots are dealt out for good');

/** The cluster that the client of the frame sees; null where workers are no nodes. */
export function clusterViewOf(shard: Shard, frame: ArgFrame): ClusterView | null {
  const { client } = frame;
  let asking: Asking | null = null;
  if (client instanceof Session) asking = { worker: client.worker, session: client };
  else if (client instanceof PartClient) asking = client;
  const map = asking?.worker.cluster ?? null;
  if (asking === null || map === null) return null;
  const announced = shard.engine.settings.text('cluster-announce-ip');
  return { map, host: hostFor(asking.session, announced), shard };
}

/** Refuses what would change the cluster. */
export const refuseChange: ClusterAnswer = (_view, _frame, out) => {
  out.error(isFixed);
};

function writeSlots({ map, host }: ClusterView, _frame: ArgFrame, out: ReplySink): void {
  out.array(map.nodes.length);
  for (const { id, port, firstSlot, lastSlot } of map.nodes) {
    out.array(3);
    out.integer(firstSlot);
    out.integer(lastSlot);
    out.array(4);
    out.bulkText(host);
    out.integer(port);
    out.bulkText(id);
    out.map(0);
  }
}

function writeShards({ map, host }: ClusterView, _frame: ArgFrame, out: ReplySink): void {
  out.array(map.nodes.length);
  for (const { id, port, firstSlot, lastSlot } of map.nodes) {
    out.map(2);
    out.bulkText('slots');
    out.array(2);
    out.integer(firstSlot);
    out.integer(lastSlot);
    out.bulkText('nodes');
    out.array(1);
    out.map(7);
    const pairs: readonly (readonly [string, string | number])[] = [
      ['id', id], ['port', port], ['ip', host], ['endpoint', host], ['role', 'master'],
      ['replication-offset', 0], ['health', 'online'],
    ];
    for (const [name, value] of pairs) {
      out.bulkText(name);
      if (typeof value === 'number') out.integer(value);
      else out.bulkText(value);
    }
  }
}

/** A line of CLUSTER NODES without its end. There is no bus: its port is 0. */
function nodeLine({ map, host }: ClusterView, node: ClusterNode): string {
  const { id, port, firstSlot, lastSlot } = node;
  const flags = node === map.own ? 'myself,master' : 'master';
  return `${id} ${host}:${port}@0 ${flags} - 0 0 0 connected ${firstSlot}-${lastSlot}`;
}

function writeNodes(view: ClusterView, _frame: ArgFrame, out: ReplySink): void {
  const lines = view.map.nodes.map((node) => `${nodeLine(view, node)}\n`);
  out.verbatim('txt', lines.join(''));
}

function writeInfo({ map }: ClusterView, _frame: ArgFrame, out: ReplySink): void {
  const { length } = map.nodes;
  const fields: readonly (readonly [string, string | number])[] = [
    ['cluster_state', 'ok'], ['cluster_slots_assigned', SLOT_COUNT],
    ['cluster_slots_ok', SLOT_COUNT], ['cluster_slots_pfail', 0], ['cluster_slots_fail', 0],
    ['cluster_known_nodes', length], ['cluster_size', length], ['cluster_current_epoch', 0],
    ['cluster_my_epoch', 0], ['cluster_stats_messages_sent', 0],
    ['cluster_stats_messages_received', 0], ['total_cluster_links_buffer_limit_exceeded', 0],
  ];
  out.verbatim('txt', fields.map(([name, value]) => `${name}:${value}\r\n`).join(''));
}

/** The whole number in argument i, or null after its error was written. */
function numberIn(frame: ArgFrame, i: number, out: ReplySink): number | null {
  const text = argumentText(frame, i);
  if (/^(?:0|-?[1-9]\d{0,17})$/.test(text)) return Number(text);
  out.error(replyErrors.notInteger);
  return null;
}

function isSlot(slot: number): boolean {
  return slot >= 0 && slot < SLOT_COUNT;
}

function isOwnSlot({ map }: ClusterView, slot: number): boolean {
  return slotOwners(map.nodes.length)[slot] === map.me;
}

function countKeys(view: ClusterView, frame: ArgFrame, out: ReplySink): void {
  const slot = numberIn(frame, 2, out);
  if (slot === null) return;
  if (!isSlot(slot)) out.error(invalidSlot);
  else out.integer(isOwnSlot(view, slot) ? countKeysOfSlot(view.shard, frame.client.db, slot) : 0);
}

function listKeys(view: ClusterView, frame: ArgFrame, out: ReplySink): void {
  const slot = numberIn(frame, 2, out);
  if (slot === null) return;
  const countMax = numberIn(frame, 3, out);
  if (countMax === null) return;
  if (!isSlot(slot) || countMax < 0) out.error(invalidCount);
  else if (!isOwnSlot(view, slot)) out.array(0);
  else writeKeysOfSlot(view.shard, frame.client.db, slot, countMax, out);
}

/** True when argument 2 is the id of a node; else its error was written. */
function isNode({ map }: ClusterView, frame: ArgFrame, out: ReplySink): boolean {
  const id = argumentText(frame, 2);
  if (map.nodes.some((node) => node.id === id)) return true;
  out.error(new ReplyError(`ERR Unknown node ${id.slice(0, 128)}`));
  return false;
}

function writeReplicas(view: ClusterView, frame: ArgFrame, out: ReplySink): void {
  if (isNode(view, frame, out)) out.array(0);
}

function countFailures(view: ClusterView, frame: ArgFrame, out: ReplySink): void {
  if (isNode(view, frame, out)) out.integer(0);
}

/** Commands that tell of the cluster, by the second word in capitals. */
export const clusterAnswers: ReadonlyMap<string, ClusterAnswer> = new Map<string, ClusterAnswer>([
  ['SLOTS', writeSlots],
  ['SHARDS', writeShards],
  ['NODES', writeNodes],
  ['INFO', writeInfo],
  ['MYID', ({ map }, _frame, out) => {
    out.bulkText(map.own.id);
  }],
  ['KEYSLOT', ({ shard }, frame, out) => {
    out.integer(slotOfArgument(shard, frame, 2));
  }],
  ['COUNTKEYSINSLOT', countKeys],
  ['COUNT-FAILURE-REPORTS', countFailures],
  ['GETKEYSINSLOT', listKeys],
  ['LINKS', (_view, _frame, out) => {
    out.array(0);
  }],
  ['REPLICAS', writeReplicas],
  ['SLAVES', writeReplicas],
]);
