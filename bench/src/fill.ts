/**
 * Fills a server under measurement with keys, as redis-benchmark names them, through one connection
 * and in large batches, so that filling takes less time than what is measured afterwards.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { encodeRequest } from '@kora/protocol';
import type { ServerProcess } from './processes.ts';

const BATCH = 1000;
const LINE_FEED = 0x0a;

/** The name of key `i`, 16 characters. */
export function keyText(i: number): string {
  return `key:${String(i).padStart(12, '0')}`;
}

/** Sets keys 0 to `count` - 1 to `value` and waits until all are answered. */
export async function fill(server: ServerProcess, count: number, value: string): Promise<void> {
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  let answered = 0;
  const finished = new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      for (const byte of chunk) if (byte === LINE_FEED) answered++;
      if (answered >= count) resolve();
    });
  });
  for (let i = 0; i < count; ) {
    const batch: Uint8Array[] = [];
    for (let k = 0; k < BATCH && i < count; k++, i++) {
      batch.push(encodeRequest(['SET', keyText(i), value]));
    }
    if (!socket.write(Buffer.concat(batch))) await once(socket, 'drain');
  }
  await finished;
  socket.destroy();
}
