/**
 * A short soak of the built server with the engine it takes by itself, and proof that a soak fails
 * when it should: with a server that answers wrongly, changes bytes, or leaks descriptors.
 */
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { ServerProcess } from '../processes.ts';
import { startKora } from '../processes.ts';
import type { SoakOptions } from './soak-run.ts';
import { runSoak } from './soak-run.ts';

const options: SoakOptions = { clients: 16, seconds: 12, sampleSeconds: 0.5, seed: 20_261_120 };
const brief: SoakOptions = {
  ...options, clients: 8, seconds: 3, sampleSeconds: 0.25, restMsMax: 500,
};
const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startServer(): Promise<ServerProcess> {
  const server = await startKora();
  cleanups.push(() => server.stop());
  return server;
}

/** The server behind a proxy that hands replies through `change`. */
async function behindProxy(
  server: ServerProcess, change: (reply: Buffer) => Buffer,
): Promise<ServerProcess> {
  const proxy = net.createServer({ allowHalfOpen: true }, (client) => {
    const upstream = net.connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => client.write(change(chunk)));
    client.on('end', () => upstream.end());
    upstream.on('end', () => client.end());
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    client.on('error', () => undefined);
    upstream.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => {
    proxy.listen(0, '127.0.0.1', resolve);
  });
  cleanups.push(() => {
    proxy.close();
  });
  const address = proxy.address();
  if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port');
  return { ...server, port: address.port };
}

describe('a soak', () => {
  it('passes: every reply right, everything flat, nothing left', async () => {
    const report = await runSoak(await startServer(), options);
    expect(report.complaints).toEqual([]);
    expect(report.commands).toBeGreaterThan(1000);
    expect(report.connections).toBeGreaterThan(options.clients);
    expect(report.verdicts.map(({ figure }) => figure)).toEqual(
      ['residentBytes', 'dataBytes', 'bufferBytes', 'clients', 'descriptors'],
    );
  });

  it('fails at the first wrong reply, and says which', async () => {
    let replies = 0;
    const server = await behindProxy(await startServer(), (reply) => {
      const at = reply.indexOf('+OK');
      if (at < 0 || ++replies < 300) return reply;
      const changed = Buffer.from(reply);
      changed[at + 1] = 0x58;
      return changed;
    });
    const { complaints } = await runSoak(server, brief);
    expect(complaints.length).toBeGreaterThan(0);
    expect(complaints.join('\n')).toMatch(/seed \d+, client \d+: .*"\+XK", not "\+OK"/);
  });

  it('fails when two bytes of a value change places', async () => {
    const server = await behindProxy(await startServer(), (reply) => {
      if (reply.length < 3000 || reply.includes('# Server')) return reply;
      return Buffer.concat([
        reply.subarray(0, 2000), reply.subarray(2001, 2002), reply.subarray(2000, 2001),
        reply.subarray(2002),
      ]);
    });
    const { complaints } = await runSoak(server, brief);
    expect(complaints.join('\n')).toMatch(/seed \d+, client \d+: /);
  });

  it('fails when descriptors stay behind', async () => {
    let leaked = 0;
    const server = await startServer();
    const { complaints } = await runSoak(
      { ...server, descriptors: () => server.descriptors() + leaked++ * 2 }, brief,
    );
    expect(complaints.join('\n')).toMatch(/descriptors was \d+ before and is \d+ after all left/);
  });
});
