/**
 * The loop engines allocate nothing per request: 20,000 echoes over loopback, best of five rounds.
 * The peer's side is made of system calls too, on the descriptor that Node's socket has, so that it
 * leaves no garbage either.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { WorkerMemory } from '@kora/core';
import { bytesPerCall } from '@kora/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { engineKinds } from '../testing/engine-rig.ts';
import type { EngineHandler, LoopEngine } from './engine.ts';
import { openEpoll } from './epoll/epoll-engine.ts';
import { boxedAddresses } from './native/boxed-addresses.ts';
import { loadLibc, nativeMemory } from './native/libc.ts';
import { openUring } from './uring/uring-engine.ts';

setFlagsFromString('--expose-gc');
// The collector has no type outside the flag.
const collect = runInNewContext('gc') as () => void;
const meter = { collect, usedBytes: () => process.memoryUsage().heapUsed };

const REQUEST_BYTES = 40;
/** Less than the smallest object, 16 bytes, a call; the compiler and the tick leave a few. */
const GARBAGE_BYTES_MAX = 8;
const enough = { enoughBytes: GARBAGE_BYTES_MAX };
const DONTWAIT_NOSIGNAL = 0x4040;

/** Answers every receive with one send from a place of its own, as the sink does. */
class Echo implements EngineHandler {
  readonly replyAt: number;
  engine: LoopEngine | undefined;
  slot = -1;
  /** Asks for the next bytes in `askAt` after each receive. */
  asks = false;
  askAt = 0;

  constructor(replyAt: number) {
    this.replyAt = replyAt;
  }

  onTurnStart(): void {}
  onTurnEnd(): void {}
  onTick(): void {}
  onTurn(): void {}
  onWake(): void {}
  onSent(): void {}
  onEnd(): void {}
  onClosed(): void {}

  onAccept(slot: number): boolean {
    this.slot = slot;
    return true;
  }

  onReceive(slot: number, _at: number, bytes: number): void {
    this.engine?.send(slot, this.replyAt, bytes);
    if (this.asks) this.engine?.receiveInto(slot, this.askAt, 100_000);
  }
}

let engine: LoopEngine | undefined;
let client: Socket | undefined;

afterEach(() => {
  client?.destroy();
  engine?.stop();
});

/** One request and its echo, driven by hand. */
async function echo(name: string): Promise<{ echoOnce: () => void; handler: Echo }> {
  const libc = loadLibc();
  const opened = name === 'epoll' ? openEpoll() : openUring();
  if (typeof libc === 'string' || typeof opened === 'string') throw new Error(`no ${name} here`);
  engine = opened;
  const memory = WorkerMemory.create();
  const native = nativeMemory(memory);
  if (typeof native === 'string') throw new Error(native);
  const at = memory.lowAllocator.alloc(200_000) * 8;
  const handler = new Echo(at);
  handler.engine = opened;
  handler.askAt = at + 1000;
  opened.start(memory, handler);
  let port = 0;
  opened.listen({ host: '127.0.0.1', port: 0, backlog: 10 }, (_error, bound) => {
    port = bound;
  });
  const socket = connect(port, '127.0.0.1');
  client = socket;
  socket.pause();
  await new Promise((resolve) => {
    socket.once('connect', resolve);
  });
  while (handler.slot < 0) opened.turn(false);
  // The descriptor of a socket is on its handle, which has no type.
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  const [, requestAt] = boxedAddresses(native.addressOf(at + 500));
  const echoOnce = (): void => {
    libc.send(fd, requestAt!, REQUEST_BYTES, DONTWAIT_NOSIGNAL);
    let bytes = -1;
    while (bytes < 0) {
      opened.turn(false);
      bytes = libc.recv(fd, requestAt!, 1000, DONTWAIT_NOSIGNAL);
    }
    if (bytes !== REQUEST_BYTES) throw new Error(`${bytes} bytes came back`);
  };
  return { echoOnce, handler };
}

const loops = engineKinds().map(({ name }) => name).filter((name) => /^(epoll|uring)$/.test(name));

describe.each(loops)('garbage of the engine %s', (name) => {
  it('is none for a receive and a send', async () => {
    const { echoOnce } = await echo(name);
    expect(bytesPerCall(meter, echoOnce, enough)).toBeLessThan(GARBAGE_BYTES_MAX);
  });

  it('is none for a receive where the worker asked for it', async () => {
    const { echoOnce, handler } = await echo(name);
    handler.asks = true;
    expect(bytesPerCall(meter, echoOnce, enough)).toBeLessThan(GARBAGE_BYTES_MAX);
  });
});

describe('garbage', () => {
  it('would be seen', () => {
    let kept: unknown;
    expect(bytesPerCall(meter, () => {
      kept = { a: 1 };
    }, { enoughBytes: Infinity })).toBeGreaterThan(8);
    expect(kept).toEqual({ a: 1 });
  });
});
