/**
 * The io_uring engine on kernels that lack one thing only, which is how kernels are: multishot
 * accept came before multishot receive, so a burst of connections meets the refusal of a flag at
 * once. Every connection has to survive the discovery, whatever is missing.
 */
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { EngineRig, engineKinds, readAll, until } from '../../testing/engine-rig.ts';
import { polled } from '../../testing/polled-engine.ts';
import { openUring } from './uring-engine.ts';

const isOffered = engineKinds().some(({ name }) => name === 'uring');
/** What a kernel may lack, alone. */
const LACKS = isOffered
  ? ['defer-taskrun', 'ACCEPT_MULTISHOT', 'RECV_MULTISHOT', 'SENDMSG', 'QUIET_SENDS']
  : [];
const CLIENT_COUNT = 40;

let rig: EngineRig | undefined;

afterEach(() => {
  rig?.stop();
  const broken = rig?.broken;
  rig = undefined;
  expect(broken ?? []).toEqual([]);
});

function rigWithout(lack: string): EngineRig {
  return new EngineRig({
    name: `uring without ${lack}`,
    isLoop: true,
    open: () => {
      const engine = openUring({ refused: [lack] });
      if (typeof engine === 'string') throw new Error(engine);
      return polled(engine);
    },
  });
}

describe('a kernel that lacks one thing', () => {
  it.each(LACKS)('%s: a burst of connections is served', async (lack) => {
    const here = rigWithout(lack);
    rig = here;
    here.script = { onReceive: (connection, bytes) => void here.send(connection, bytes) };
    const { port } = await here.listen();
    const clients: Socket[] = await Promise.all(
      Array.from({ length: CLIENT_COUNT }, () => here.connect({ port })),
    );
    await until(() => here.connections.length === CLIENT_COUNT);
    const answers = clients.map((client) => readAll(client));
    for (const client of clients) client.write('hello');
    await until(() => here.connections.every(
      ({ byteCount, isClosed }) => byteCount === 5 || isClosed,
    ));
    expect(here.connections.filter(({ isClosed }) => isClosed).length).toBe(0);
    for (const connection of here.connections) here.close(connection, true);
    for (const client of clients) client.end();
    for (const answer of answers) expect((await answer).bytes.toString()).toBe('hello');
    await until(() => here.connections.every(({ isClosed }) => isClosed));
  });
});
