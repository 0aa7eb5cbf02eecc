/**
 * The workers of a process as nodes of a cluster, over real sockets on every engine: what CLUSTER
 * tells, that each port leads to its worker and serves all keys, what a port tells of its worker
 * alone, and the cluster clients that people use, as they come: ioredis 6 and node-redis 6.
 */
import { createServer as createSocketServer } from 'node:net';
import { slotOfKey, slotOwners } from '@kora/core';
import { Cluster } from 'ioredis';
import { createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawClient } from '../testing/raw-client.ts';
import { ThreadedServer, WORKER_ENGINES } from '../testing/threaded-server.ts';

const WORKERS = 3;
const PORT_TRIES = 50;

/** True when nobody listens on the port. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createSocketServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen(port, '127.0.0.1', () => server.close(() => {
      resolve(true);
    }));
  });
}

/** The first of WORKERS ports that are free. */
async function freePorts(): Promise<number> {
  for (let tries = 0; tries < PORT_TRIES; tries++) {
    const first = 20_000 + ((process.pid * 97 + tries * 211) % 12_000);
    const ports = Array.from({ length: WORKERS }, (_, i) => first + i);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return first;
  }
  throw new Error('no ports are free');
}

/** A key of each worker. */
function keysByWorker(): string[] {
  const owners = slotOwners(WORKERS);
  const keys: string[] = [];
  for (let i = 0; keys.filter((key) => key !== '').length < WORKERS; i++) {
    const bytes = Buffer.from(`key${i}`);
    const owner = owners[slotOfKey(bytes, 0, bytes.length)] ?? 0;
    keys[owner] ??= `key${i}`;
  }
  return keys;
}

describe.each(WORKER_ENGINES)('workers as nodes on %s', (io) => {
  let server: ThreadedServer;
  let first = 0;
  const clients: RawClient[] = [];
  beforeAll(async () => {
    first = await freePorts();
    server = await ThreadedServer.start({
      io, workers: WORKERS, settings: { 'cluster-ports': first },
    });
  });
  afterAll(async () => {
    for (const client of clients) client.destroy();
    await server.close();
  });

  const node = async (index: number): Promise<RawClient> => {
    const client = await RawClient.connect({ host: '127.0.0.1', port: first + index });
    clients.push(client);
    return client;
  };

  it('tells the slots of every worker in the shapes of Redis', async () => {
    const client = await node(1);
    const id = (i: number): string => `6b6f7261${(first + i).toString(16).padStart(32, '0')}`;
    const range = (from: number, to: number, i: number): string =>
      `[:${from}, :${to}, ["127.0.0.1", :${first + i}, "${id(i)}", []]]`;
    expect(await client.call('CLUSTER', 'SLOTS'))
      .toBe(`[${range(0, 5461, 0)}, ${range(5462, 10_922, 1)}, ${range(10_923, 16_383, 2)}]`);
    const nodes = await client.call('CLUSTER', 'NODES');
    expect(nodes).toContain(
      `${id(1)} 127.0.0.1:${first + 1}@0 myself,master - 0 0 0 connected 5462-10922\\n`,
    );
    expect(nodes).toContain(`${id(2)} 127.0.0.1:${first + 2}@0 master - 0 0 0 connected`);
    expect(await client.call('CLUSTER', 'SHARDS')).toContain(
      `["slots", [:0, :5461], "nodes", [["id", "${id(0)}", "port", :${first}, ` +
      '"ip", "127.0.0.1", "endpoint", "127.0.0.1", "role", "master", ' +
      '"replication-offset", :0, "health", "online"]]]',
    );
    const info = await client.call('CLUSTER', 'INFO');
    expect(info).toContain(String.raw`cluster_state:ok\r\ncluster_slots_assigned:16384`);
    expect(info).toContain(String.raw`cluster_known_nodes:3\r\ncluster_size:3`);
    expect(await client.call('CLUSTER', 'MYID')).toBe(`"${id(1)}"`);
    expect(await client.call('CLUSTER', 'KEYSLOT', 'a')).toBe(':15495');
    expect(await client.call('CLUSTER', 'REPLICAS', id(2))).toBe('[]');
    expect(await client.call('CLUSTER', 'REPLICAS', 'x')).toBe('-ERR Unknown node x');
    expect(await client.call('CLUSTER', 'ADDSLOTS', '1')).toMatch(/^-ERR the nodes of this/);
    expect(await client.call('INFO', 'cluster')).toContain('cluster_enabled:1');
    expect(await client.call('INFO', 'server')).toContain('redis_mode:cluster');
    expect(await client.call('CONFIG', 'GET', 'cluster-enabled'))
      .toBe('["cluster-enabled", "yes"]');
    for (const word of ['READONLY', 'READWRITE', 'ASKING']) {
      expect(await client.call(word)).toBe('+OK');
    }
  });

  it('serves all keys on every port, and tells on it of the own ones alone', async () => {
    const keys = keysByWorker();
    const nodes = await Promise.all([node(0), node(1), node(2)]);
    const everywhere = await server.connect();
    const [one] = nodes;
    if (one === undefined) throw new Error('there are nodes');
    expect(await one.call('MSET', ...keys.flatMap((key) => [key, 'v']))).toBe('+OK');
    for (const [i, client] of nodes.entries()) {
      const key = keys[i] ?? '';
      for (const any of keys) expect(await client.call('GET', any)).toBe('"v"');
      const only = `"${key}"`;
      expect(await client.call('DBSIZE')).toBe(':1');
      expect(await client.call('KEYS', '*')).toBe(`[${only}]`);
      expect(await client.call('RANDOMKEY')).toBe(only);
      expect(await client.call('SCAN', '0')).toBe(`["0", [${only}]]`);
      expect(await client.call('INFO', 'keyspace')).toContain('db0:keys=1,');
      expect(await client.call('MULTI')).toBe('+OK');
      expect(await client.call('DBSIZE')).toBe('+QUEUED');
      expect(await client.call('SCAN', '0')).toBe('+QUEUED');
      expect(await client.call('EXEC')).toMatch(/^\[:1, \["\d+", \["key\d+"\]\]\]$/);
    }
    expect(await everywhere.call('DBSIZE')).toBe(':3');
    expect(await everywhere.call('INFO', 'keyspace')).toContain('db0:keys=3,');
    const three = /^\["0", \["key\d+", "key\d+", "key\d+"\]\]$/;
    expect(await everywhere.call('SCAN', '0')).toMatch(three);
    const bytes = Buffer.from(keys[2] ?? '');
    const slot = String(slotOfKey(bytes, 0, bytes.length));
    for (const client of [one, everywhere]) {
      expect(await client.call('CLUSTER', 'COUNTKEYSINSLOT', slot)).toBe(':1');
      expect(await client.call('CLUSTER', 'GETKEYSINSLOT', slot, '9'))
        .toBe(`["${keys[2]}"]`);
      expect(await client.call('CLUSTER', 'COUNTKEYSINSLOT', '99999')).toBe('-ERR Invalid slot');
      expect(await client.call('CLUSTER', 'COUNTKEYSINSLOT', 'x'))
        .toBe('-ERR value is not an integer or out of range');
      expect(await client.call('CLUSTER', 'GETKEYSINSLOT', '1', '-1'))
        .toBe('-ERR Invalid slot or number of keys');
    }
    expect(await one.call('FLUSHALL')).toBe('+OK');
    expect(await everywhere.call('DBSIZE')).toBe(':2');
    expect(await everywhere.call('FLUSHDB')).toBe('+OK');
    for (const client of nodes) expect(await client.call('DBSIZE')).toBe(':0');
  });

  it('serves ioredis as a cluster', async () => {
    const cluster = new Cluster([{ host: '127.0.0.1', port: first }]);
    const names = Array.from({ length: 60 }, (_, i) => `io${i}`);
    await Promise.all(names.map((name) => cluster.set(name, name)));
    expect(await Promise.all(names.map((name) => cluster.get(name)))).toEqual(names);
    expect(cluster.nodes('master')).toHaveLength(WORKERS);
    const sizes = await Promise.all(cluster.nodes('master').map((one) => one.dbsize()));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(60);
    expect(sizes.every((size) => size > 0)).toBe(true);
    await Promise.all(cluster.nodes('master').map((one) => one.flushdb()));
    await cluster.quit();
  });

  it('serves node-redis as a cluster', async () => {
    const cluster = createCluster({
      rootNodes: [{ url: `redis://127.0.0.1:${first + 1}` }], RESP: 3,
    });
    await cluster.connect();
    const names = Array.from({ length: 60 }, (_, i) => `nr${i}`);
    await Promise.all(names.map((name) => cluster.set(name, name)));
    expect(await Promise.all(names.map((name) => cluster.get(name)))).toEqual(names);
    expect(cluster.masters).toHaveLength(WORKERS);
    expect(await cluster.mGet(['{a}1', '{a}2'])).toEqual([null, null]);
    await cluster.close();
  });
});

describe('without cluster-ports', () => {
  it('there is no cluster', async () => {
    const server = await ThreadedServer.start({ io: 'node', workers: 2 });
    const client = await server.connect();
    expect(await client.call('CLUSTER', 'SLOTS'))
      .toBe('-ERR This instance has cluster support disabled');
    expect(await client.call('CLUSTER', 'COUNTKEYSINSLOT', '1'))
      .toBe('-ERR This instance has cluster support disabled');
    expect(await client.call('INFO', 'cluster')).toContain('cluster_enabled:0');
    expect(await client.call('CONFIG', 'GET', 'cluster-enabled')).toBe('["cluster-enabled", "no"]');
    expect(await client.call('READONLY')).toBe('-ERR This instance has cluster support disabled');
    await server.close();
  });
});
