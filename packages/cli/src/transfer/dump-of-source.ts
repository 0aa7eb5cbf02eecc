/**
 * The dump that a source sends its replica, as a source of bytes for an RdbFileReader: whichever of
 * the two ways it ends, by its length or by a mark, that end is checked against the dump's own.
 */
import { Fault } from '@kora/core/control';
import type { RdbFileReader } from '@kora/storage';
import type { FullSync, ReplicaLink } from './replica-link.ts';

export class DumpOfSource {
  readonly #link: ReplicaLink;
  readonly #sync: FullSync;
  readonly #tap: (bytes: Uint8Array) => void;
  #came = 0;

  /** @param tap sees all bytes given to the reader, which may be more than the dump has */
  constructor(link: ReplicaLink, sync: FullSync, tap: (bytes: Uint8Array) => void = () => void 0) {
    this.#link = link;
    this.#sync = sync;
    this.#tap = tap;
  }

  /** Puts more bytes into the reader. */
  async fill(reader: RdbFileReader): Promise<void> {
    const { dumpBytes } = this.#sync;
    if (dumpBytes >= 0 && this.#came >= dumpBytes) {
      reader.finish();
      return;
    }
    const chunk = await this.#link.read();
    this.#came += chunk.length;
    this.#tap(chunk);
    reader.feed(chunk);
  }

  /** Behind the end of the dump: checks the mark; the commands that follow are next.
   * @throws {Fault} (rejects) `CORRUPT_DUMP` when it does not end where the source says */
  async end(reader: RdbFileReader): Promise<void> {
    const { dumpBytes, mark } = this.#sync;
    const dumpEnd = reader.offset;
    let rest = reader.takeRest();
    if (dumpBytes >= 0 && dumpEnd !== dumpBytes) {
      throw new Fault('CORRUPT_DUMP',
        `The source announced a dump of ${dumpBytes} bytes; it ends after ${dumpEnd}.`);
    }
    while (rest.length < mark.length) rest = Buffer.concat([rest, await this.#link.read()]);
    if (!Buffer.from(mark).equals(rest.subarray(0, mark.length))) {
      throw new Fault('CORRUPT_DUMP', 'The dump of the source has another end than it announced.');
    }
    this.#link.endOfDump(rest.subarray(mark.length));
  }
}
