/**
 * Sends that do not wait for the turn's end: from SEND_NOW_BYTES_MIN on, the system call costs less
 * than what it costs to keep the reply's memory until a completion, for then the next reply is
 * written to cold memory (docs/adr/0012). The address is boxed once and reused while it is the
 * same, which it is as long as replies leave whole: the sink writes them all to one place.
 */
import { boxedAddresses } from '../native/boxed-addresses.ts';
import type { Libc, NativeMemory } from '../native/libc.ts';
import { MSG_DONTWAIT, MSG_NOSIGNAL } from './uring-constants.ts';

/** Replies from this size on are offered to the socket at once. */
export const SEND_NOW_BYTES_MIN = 1024;

export class SendNow {
  private readonly libc: Libc;
  private readonly base: number;
  private readonly addresses: (number | null)[];
  private at: number;

  constructor(libc: Libc, native: NativeMemory) {
    this.libc = libc;
    this.base = native.addressOf(0);
    this.at = -1;
    this.addresses = boxedAddresses(0);
  }

  /**
   * Offers [at, at + bytes) of the worker memory to the socket.
   * @returns bytes that left. What did not goes through the ring, which also says why.
   */
  send(descriptor: number, at: number, bytes: number): number {
    if (at !== this.at) {
      this.at = at;
      this.addresses[1] = this.base + at;
    }
    const address = this.addresses[1]!;
    const sent = this.libc.send(descriptor, address, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent > 0 ? sent : 0;
  }
}
