/**
 * What workers as nodes answer beside a redis-server in cluster mode that has all slots: the shapes
 * and texts of CLUSTER, its errors, and what clients of a cluster say of their connection, in both
 * protocols. One worker, so that both are clusters of one node; ids and ports are made the same,
 * and the port of the bus, which there is none of here.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from './drivers/driver.ts';
import { call, pause } from './drivers/driver.ts';
import { openSocket } from './drivers/socket-driver.ts';
import type { Outcome } from './reply-notation.ts';
import type { RunningServer } from './server-process.ts';
import { freePort, REFERENCE_CORPUS_FLAGS, startKora, startReference } from './server-process.ts';

const REPLY_MS_MAX = 10_000;
const HOST = '127.0.0.1';
const POLL_MS = 20;

const SAME = [
  'CLUSTER INFO', 'CLUSTER SLOTS', 'CLUSTER SHARDS', 'CLUSTER NODES', 'CLUSTER MYID',
  'CLUSTER LINKS', 'CLUSTER REPLICAS ID', 'CLUSTER SLAVES ID', 'CLUSTER REPLICAS x',
  'CLUSTER COUNT-FAILURE-REPORTS ID', 'CLUSTER COUNT-FAILURE-REPORTS x',
  'CLUSTER KEYSLOT foo', 'CLUSTER KEYSLOT {foo}bar', 'CLUSTER KEYSLOT {}', 'CLUSTER KEYSLOT',
  'SET foo 1', 'SET other 1',
  'CLUSTER COUNTKEYSINSLOT 12182', 'CLUSTER COUNTKEYSINSLOT 0', 'CLUSTER COUNTKEYSINSLOT 16384',
  'CLUSTER COUNTKEYSINSLOT -1', 'CLUSTER COUNTKEYSINSLOT x', 'CLUSTER COUNTKEYSINSLOT 01',
  'CLUSTER GETKEYSINSLOT 12182 9', 'CLUSTER GETKEYSINSLOT 12182 1', 'CLUSTER GETKEYSINSLOT 0 9',
  'CLUSTER GETKEYSINSLOT 12182 0', 'CLUSTER GETKEYSINSLOT 1 -1', 'CLUSTER GETKEYSINSLOT 1 x',
  'CLUSTER GETKEYSINSLOT 16384 1', 'CLUSTER GETKEYSINSLOT 99999 x', 'CLUSTER GETKEYSINSLOT 1',
  'READONLY', 'READWRITE', 'ASKING', 'READONLY x', 'ASKING x', 'READWRITE x',
  'CLUSTER', 'CLUSTER FOO', 'CLUSTER SLOTS x', 'CLUSTER NODES x', 'CLUSTER MEET x',
  'CONFIG GET cluster-enabled', 'INFO cluster', 'SELECT 0',
  'COMMAND INFO asking readonly readwrite',
];

describe.each(['2', '3'])('CLUSTER beside redis-server, RESP%s', (protocol) => {
  const servers: RunningServer[] = [];
  const clients: Connection[] = [];
  const ids: string[] = [];
  beforeAll(async () => {
    const bus = String(await freePort());
    const reference = await startReference([
      ...REFERENCE_CORPUS_FLAGS, '--cluster-enabled', 'yes', '--cluster-port', bus,
      '--cluster-announce-ip', HOST,
    ]);
    servers.push(reference, await startKora(['--cluster-ports', String(await freePort())]));
    for (const server of servers) {
      const client = await openSocket(server);
      clients.push(client);
      if (protocol === '3') await call(client, ['HELLO', '3'], REPLY_MS_MAX);
    }
    await ask(0, ['CLUSTER', 'ADDSLOTSRANGE', '0', '16383']);
    while (!(await ask(0, ['CLUSTER', 'INFO'])).includes('cluster_state:ok')) await pause(POLL_MS);
    for (const i of clients.keys()) {
      const reply = await ask(i, ['CLUSTER', 'MYID']);
      ids.push(/[0-9a-f]{40}/.exec(reply)?.[0] ?? '');
    }
  });
  afterAll(async () => {
    for (const client of clients) client.close();
    await Promise.all(servers.map((server) => server.stop()));
  });

  /** A reply as text, with the names of the node made the same. */
  async function ask(i: number, words: readonly string[]): Promise<string> {
    const client = clients[i];
    if (client === undefined) throw new Error('there are two servers');
    const outcome: Outcome = await call(client, words, REPLY_MS_MAX);
    return JSON.stringify(outcome);
  }

  it.each(SAME)('%s', async (line) => {
    const replies = await Promise.all(clients.map(async (_, i) => {
      const id = ids[i] ?? '';
      const text = await ask(i, line.split(' ').map((word) => (word === 'ID' ? id : word)));
      return text.replaceAll(id, 'ID')
        .replace(/:\d+@\d+ /, ':PORT@BUS ')
        .replace(/(16383"},\{"kind":"array","items":\[[^\]]*?"integer","text":")\d+/, '$1PORT')
        .replace(/("port"},\{"kind":"integer","text":")\d+/, '$1PORT');
    }));
    expect(replies[1]).toBe(replies[0]);
  });
});
