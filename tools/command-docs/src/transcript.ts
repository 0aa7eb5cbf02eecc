/**
 * Examples of an entry as a terminal shows them: `> SET k v`, and below it the reply as redis-cli
 * prints replies. The entries write replies in the notation of the conformance corpus (`+"OK"`,
 * `:2`, `*[$"a" _]`), where `?` stands for any reply and `*#3` for any of that type and length.
 * Invariant: every example of the table can be shown; a notation that is none throws.
 */

/** A reply as far as an example states it. */
type ShownReply =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly ShownReply[]; readonly numbered: string };

/** What redis-cli puts after the number of an item. */
const SIGN_AFTER_NUMBER: Readonly<Record<string, string>> = {
  '*': ')', '%': '#', '~': '~', '>': ')',
};
const NAME_OF_AGGREGATE: Readonly<Record<string, string>> = {
  '*': 'array', '%': 'hash', '~': 'set', '>': 'push',
};

/** The lines of a whole conversation. */
export function transcriptOf(examples: readonly (readonly [string, string])[]): string {
  return examples
    .flatMap(([commandLine, reply]) => [`> ${commandLine}`, ...replyLines(reply)])
    .join('\n');
}

/** A reply in the corpus's notation as lines of a terminal. @throws {Error} when it is none */
export function replyLines(notation: string): string[] {
  const reader = new NotationReader(notation);
  const reply = reader.read();
  reader.expectEnd();
  return linesOf(reply);
}

function linesOf(reply: ShownReply): string[] {
  if (reply.kind === 'line') return [reply.text];
  const width = String(reply.items.length).length;
  return reply.items.flatMap((item, i) => {
    const label = `${String(i + 1).padStart(width)}${reply.numbered} `;
    const indent = ' '.repeat(label.length);
    return linesOf(item).map((line, at) => (at === 0 ? label : indent) + line);
  });
}

/** Reads one reply from left to right. */
class NotationReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): ShownReply {
    const sign = this.#text.charAt(this.#at++);
    const next = this.#text.charAt(this.#at);
    if (sign === '?') return line('(depends on the moment)');
    if (sign === '_') return line('(nil)');
    if (sign === '*' && next === '_') {
      this.#at++;
      return line('(nil)');
    }
    if (next === '#') return this.#sized(sign);
    if (':,#('.includes(sign) && sign !== '') return this.#plain(sign);
    if ('+-$='.includes(sign) && sign !== '') return this.#quoted(sign);
    if (next === '[' && sign in SIGN_AFTER_NUMBER) return this.#aggregate(sign);
    return this.#fail();
  }

  expectEnd(): void {
    if (this.#at !== this.#text.length) this.#fail();
  }

  /** `*#3`, `$#40`: only type and length are stated. */
  #sized(sign: string): ShownReply {
    const count = this.#take(/#(\d+)/y);
    const aggregate = NAME_OF_AGGREGATE[sign];
    return line(aggregate === undefined ? `(${count} bytes)` : `(${aggregate} of ${count})`);
  }

  #plain(sign: string): ShownReply {
    const text = this.#take(/([^\s\]]+)/y);
    if (sign === ':') return line(`(integer) ${text}`);
    if (sign === ',') return line(`(double) ${text}`);
    return line(sign === '#' ? (text === 't' ? '(true)' : '(false)') : text);
  }

  /** Text in quotes; bulk strings keep them and their escapes, as redis-cli prints them. */
  #quoted(sign: string): ShownReply {
    const text = this.#take(/("(?:[^"\\]|\\.)*")/y);
    if (sign === '$') return line(text);
    const inner = sign === '=' ? text.slice('"txt:'.length, -1) : text.slice(1, -1);
    const bare = inner.replace(/\\(["\\])/g, '$1');
    return line(sign === '-' ? `(error) ${bare}` : bare);
  }

  #aggregate(sign: string): ShownReply {
    this.#at++;
    const items: ShownReply[] = [];
    while (this.#text.charAt(this.#at) !== ']') {
      if (this.#at >= this.#text.length) this.#fail();
      items.push(this.read());
      if (this.#text.charAt(this.#at) === ' ') this.#at++;
    }
    this.#at++;
    if (items.length === 0) return line(`(empty ${NAME_OF_AGGREGATE[sign] ?? 'array'})`);
    if (sign !== '%') return { kind: 'list', items, numbered: SIGN_AFTER_NUMBER[sign] ?? ')' };
    return { kind: 'list', items: joinPairs(items), numbered: '#' };
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found?.[1] === undefined) return this.#fail();
    this.#at = pattern.lastIndex;
    return found[1];
  }

  #fail(): never {
    throw new Error(`no reply at ${this.#at} of: ${this.#text}`);
  }
}

/** A map's keys with their values: `key => value`. */
function joinPairs(items: readonly ShownReply[]): ShownReply[] {
  const pairs: ShownReply[] = [];
  for (let i = 0; i < items.length; i += 2) {
    const [key = [], value = []] = items.slice(i, i + 2).map(linesOf);
    pairs.push(line([...key, '=>', ...value].join(' ')));
  }
  return pairs;
}

function line(text: string): ShownReply {
  return { kind: 'line', text };
}
