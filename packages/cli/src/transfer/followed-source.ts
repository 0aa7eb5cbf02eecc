/**
 * The source of a live import over more than one connection: when the one there is gets lost, it is
 * made again and goes on where it was, if the source still has what was missed (its backlog).
 * Bounds: a source is tried again for `retryMs`, in steps of RETRY_STEP_MS.
 */
import { Fault } from '@kora/core/control';
import { ReplicaLink } from './replica-link.ts';
import type { ServerUrl } from './server-url.ts';

const RETRY_STEP_MS = 250;

export class FollowedSource {
  /** The connection there is. */
  link: ReplicaLink;
  /** Connections made again. */
  reconnections = 0;
  readonly #url: ServerUrl;
  readonly #retryMs: number;
  #isClosed = false;

  private constructor(link: ReplicaLink, url: ServerUrl, retryMs: number) {
    this.link = link;
    this.#url = url;
    this.#retryMs = retryMs;
  }

  /** Connects. @throws {Fault} (rejects) `TRANSFER_FAILED` */
  static async open(url: ServerUrl, retryMs: number): Promise<FollowedSource> {
    return new FollowedSource(await ReplicaLink.open(url), url, retryMs);
  }

  /**
   * Makes the connection again after `lost`, and goes on behind the offset.
   * @param nowMs tells milliseconds of a monotonic clock
   * @returns the replication ID from now on: a source that was promoted has a new one
   * @throws {Fault} (rejects) `lost` when there is no source in time or it was closed here; another
   *   when the source does not have any more what was missed
   */
  async goOn(
    lost: unknown, replicationId: string, offset: number, nowMs: () => number,
  ): Promise<string> {
    this.link.close();
    const endMs = nowMs() + this.#retryMs;
    for (;;) {
      if (this.#isClosed || nowMs() >= endMs) throw lost;
      const link = await this.#tryToOpen();
      if (link !== null) {
        this.link = link;
        // Closed meanwhile? Then nobody else closes this one.
        if (this.#isClosed) link.close();
        const idFromNowOn = await link.resume(replicationId, offset);
        this.reconnections++;
        return idFromNowOn;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_STEP_MS));
    }
  }

  /** Ends the connection and makes no other: a read that waits ends with a fault. */
  close(): void {
    this.#isClosed = true;
    this.link.close();
  }

  async #tryToOpen(): Promise<ReplicaLink | null> {
    try {
      return await ReplicaLink.open(this.#url);
    } catch (cause) {
      if (cause instanceof Fault) return null;
      throw cause;
    }
  }
}
