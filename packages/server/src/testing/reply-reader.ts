/**
 * The replies of a connection of a rig, one after the other, as values: for tests that look at
 * replies while others are under way. What clients of tests ask for: texts, numbers as texts, null,
 * arrays, and pushes as arrays. An error is thrown, as no such test expects one.
 */

export type ReplyValue = string | null | readonly ReplyValue[];

export class ReplyReader {
  #text = '';

  /** More bytes, one a character. */
  add(text: string): void {
    this.#text += text;
  }

  /** Bytes of a reply that is not whole. */
  get isEmpty(): boolean {
    return this.#text === '';
  }

  /** The next whole reply; undefined when there is none yet. */
  take(): ReplyValue | undefined {
    const found = readReply(this.#text, 0);
    if (found === null) return undefined;
    this.#text = this.#text.slice(found.end);
    return found.value;
  }
}

function readReply(text: string, at: number): { value: ReplyValue; end: number } | null {
  const lineEnd = text.indexOf('\r\n', at);
  if (lineEnd < 0) return null;
  const line = text.slice(at + 1, lineEnd);
  const end = lineEnd + 2;
  switch (text[at]) {
    case '+':
    case ':':
      return { value: line, end };
    case '$': {
      const bytes = Number(line);
      if (bytes < 0) return { value: null, end };
      if (text.length < end + bytes + 2) return null;
      return { value: text.slice(end, end + bytes), end: end + bytes + 2 };
    }
    case '_':
      return { value: null, end };
    case '*':
    case '>':
      return readArray(text, end, Number(line));
    default:
      throw new Error(`a reply that nobody expects: ${text.slice(at, at + 200)}`);
  }
}

function readArray(
  text: string, at: number, count: number,
): { value: ReplyValue; end: number } | null {
  if (count < 0) return { value: null, end: at };
  const values: ReplyValue[] = [];
  let end = at;
  for (let i = 0; i < count; i++) {
    const element = readReply(text, end);
    if (element === null) return null;
    values.push(element.value);
    end = element.end;
  }
  return { value: values, end };
}
