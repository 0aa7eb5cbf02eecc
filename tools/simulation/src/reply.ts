/**
 * Replies as the simulator compares them: text with the first byte saying what it is, null for all
 * nulls, arrays of these. Of RESP3 what clients of the simulator meet: a map is an array, a push an
 * array whose first element is `>`. A reader takes bytes as they leave a worker, cut anywhere, and
 * gives whole replies. Characters stand for bytes.
 * Cost: bytes that wait for the rest of their reply are joined once more for each arrival.
 */

/** `+OK`, `:1`, `-ERR ...`, `$bulk`, null, or an array. */
export type Reply = string | null | readonly Reply[];

const LINE_END_BYTES = 2;

export class ReplyReader {
  #text = '';
  #at = 0;

  /** Bytes that have left the worker, one a character. */
  push(text: string): void {
    this.#text = this.#text.slice(this.#at) + text;
    this.#at = 0;
  }

  /** Bytes that are no whole reply yet. */
  get waitingBytes(): number {
    return this.#text.length - this.#at;
  }

  /** The next whole reply, undefined when there is none yet. */
  next(): Reply | undefined {
    const before = this.#at;
    const reply = this.#read();
    if (reply === undefined) this.#at = before;
    return reply;
  }

  #read(): Reply | undefined {
    const end = this.#text.indexOf('\r\n', this.#at);
    if (end < 0) return undefined;
    const line = this.#text.slice(this.#at, end);
    this.#at = end + LINE_END_BYTES;
    const length = Number(line.slice(1));
    if (line.startsWith('$')) return length < 0 ? null : this.#bulk(length);
    if (/^[+:-]/.test(line)) return line;
    if (line === '_') return null;
    if (!/^[*>%]/.test(line)) {
      throw new Error(`no reply starts with ${JSON.stringify(line.slice(0, 40))}`);
    }
    return length < 0 ? null : this.#array(line, line.startsWith('%') ? length * 2 : length);
  }

  #array(line: string, count: number): Reply | undefined {
    const elements: Reply[] = line.startsWith('>') ? ['>'] : [];
    for (let i = 0; i < count; i++) {
      const element = this.#read();
      if (element === undefined) return undefined;
      elements.push(element);
    }
    return elements;
  }

  #bulk(bytes: number): Reply | undefined {
    const end = this.#at + bytes;
    if (this.#text.length < end + LINE_END_BYTES) return undefined;
    const text = `$${this.#text.slice(this.#at, end)}`;
    this.#at = end + LINE_END_BYTES;
    return text;
  }
}

/** True for an error whose first word is this one. */
export function isError(reply: Reply | undefined, word: string): boolean {
  return typeof reply === 'string' && reply.startsWith(`-${word}`);
}

/** True when two replies are the same; of errors only the first word counts. */
export function sameReply(one: Reply, other: Reply): boolean {
  if (one === null || other === null) return one === other;
  if (typeof one === 'string' || typeof other === 'string') {
    if (typeof one !== typeof other) return false;
    return one === other || (isText(one) && isText(other) && sameError(one, other));
  }
  return one.length === other.length &&
    one.every((element, i) => sameReply(element, other[i] ?? null));
}

function isText(reply: Reply): reply is string {
  return typeof reply === 'string';
}

function sameError(one: string, other: string): boolean {
  return one.startsWith('-') && one.split(' ', 1)[0] === other.split(' ', 1)[0];
}

/** Elements in the order of their bytes: what the order of a set's members does not change. */
export function sortedReply(reply: Reply): Reply {
  return isList(reply) ? [...reply].sort(byText) : reply;
}

function isList(reply: Reply): reply is readonly Reply[] {
  return Array.isArray(reply);
}

function byText(one: Reply, other: Reply): number {
  const [a, b] = [String(one), String(other)];
  return a < b ? -1 : Number(a > b);
}

/** The elements of an array; none of anything else. */
export function listOf(reply: Reply): readonly Reply[] {
  return isList(reply) ? reply : [];
}

/** For messages: short. */
export function shownReply(reply: Reply | undefined): string {
  if (reply === undefined) return 'nothing';
  const text = JSON.stringify(reply);
  return text.length > 160 ? `${text.slice(0, 150)}... (${text.length})` : text;
}
