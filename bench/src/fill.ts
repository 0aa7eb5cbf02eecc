/**
 * Fills a server under measurement with keys, as redis-benchmark names them, or with what a caller
 * sends, through one connection and in large batches, so that filling takes less time than what is
 * measured afterwards.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { encodeRequest } from '@kora/protocol';
import type { ServerProcess } from './processes.ts';

const BATCH = 1000;
const LINE_FEED = 0x0a;
const ERROR_SIGN = 0x2d;
/** A server that used no CPU time for so long rests. */
const IDLE_LOOK_MS = 100;
const IDLE_LOOKS_MAX = 100;

/** The name of key `i`, 16 characters. */
export function keyText(i: number): string {
  return `key:${String(i).padStart(12, '0')}`;
}

/** Sets keys 0 to `count` - 1 to `value` and waits until all are answered. */
export async function fill(server: ServerProcess, count: number, value: string): Promise<void> {
  await fillWith(server, count, (i) => ['SET', keyText(i), value]);
}

/**
 * Sends `count` requests and waits until all are answered.
 * @param linesPerReply lines of a reply: 1 for numbers and statuses, 2 for bulk strings
 */
export async function fillWith(
  server: ServerProcess, count: number, request: (i: number) => readonly string[],
  linesPerReply = 1,
): Promise<void> {
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  let lines = 0;
  const finished = new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      if (lines === 0 && chunk[0] === ERROR_SIGN) reject(new Error(chunk.toString('latin1')));
      for (const byte of chunk) if (byte === LINE_FEED) lines++;
      if (lines >= count * linesPerReply) resolve();
    });
  });
  if (count === 0) return;
  for (let i = 0; i < count; ) {
    const batch: Uint8Array[] = [];
    for (let k = 0; k < BATCH && i < count; k++, i++) batch.push(encodeRequest(request(i)));
    if (!socket.write(Buffer.concat(batch))) await once(socket, 'drain');
  }
  await finished;
  socket.destroy();
}

/** Answers one request with a reply of one line or one bulk string. */
export async function ask(server: ServerProcess, request: readonly string[]): Promise<string> {
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(encodeRequest(request));
  let text = '';
  while (!isWhole(text)) text += String((await once(socket, 'data'))[0]);
  socket.destroy();
  return text;
}

/** True when the text is one line, or a bulk string with its bytes (of ASCII). */
function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n');
  if (end < 0 || text[0] !== '$') return end >= 0;
  const bytes = Number(text.slice(1, end));
  return bytes < 0 || text.length >= end + 4 + bytes;
}

/** Waits until the server rests: what it frees in the background is not the next run's. */
export async function untilIdle(server: ServerProcess): Promise<void> {
  let before = -1;
  for (let i = 0; i < IDLE_LOOKS_MAX; i++) {
    const { user, system } = server.cpuSeconds();
    if (user + system === before) return;
    before = user + system;
    await new Promise((resolve) => setTimeout(resolve, IDLE_LOOK_MS));
  }
}
