/**
 * Sockets that read into one given buffer. A server's sockets are made by Node, which reads each
 * chunk into a fresh
 * 64 KiB buffer and hands it through a stream; only sockets made by hand take `onread`, a buffer of
 * the reader's own.
 * So the accepted socket gives its handle to one made by hand: at P=1 that saves a fifth of the
 * user time and nearly all of the garbage (GET, 50 connections, Node 20, 2026-11-20). The handle
 * has no documented name; where it is not to be found, chunks come through the stream and are
 * copied.
 */
import { Socket } from 'node:net';
import type { OnReadOpts, SocketConstructorOpts } from 'node:net';

/** The parts of sockets and their options that Node does not type. */
interface WithHandle {
  _handle: { readonly readStop?: unknown } | null | undefined;
}
type HandleOptions = SocketConstructorOpts & {
  readonly handle: object;
  readonly onread: OnReadOpts;
};

/**
 * A paused socket for the accepted connection that reads into `buffer` and tells how many bytes lie
 * there.
 * @param accepted as it comes from a server with `pauseOnConnect`; not to be used afterwards
 */
export function readInto(
  accepted: Socket, buffer: Buffer, onBytes: (bytes: number) => void,
): Socket {
  // Undocumented, checked before use: see above.
  const outer = accepted as unknown as WithHandle;
  const handle = outer._handle;
  if (typeof handle?.readStop !== 'function') return readByStream(accepted, buffer, onBytes);
  const options: HandleOptions = {
    handle,
    allowHalfOpen: true,
    onread: {
      buffer,
      callback: (bytes) => {
        onBytes(bytes);
        return true;
      },
    },
  };
  outer._handle = null;
  return new Socket(options);
}

function readByStream(accepted: Socket, buffer: Buffer, onBytes: (bytes: number) => void): Socket {
  accepted.on('data', (chunk: Buffer) => {
    for (let from = 0; from < chunk.length && !accepted.destroyed; from += buffer.length) {
      onBytes(chunk.copy(buffer, 0, from, from + buffer.length));
    }
  });
  accepted.pause();
  return accepted;
}
