/**
 * Replies as a test sees them, and their text in the notation of the conformance corpus:
 *   +"OK"  -"ERR x"  :1  $"v"  _  *_  *[..]  %[k v ..]  ~[..]  >[..]  ,1.5  #t  (123  ="txt:abc"
 * One character per byte, so that binary replies survive; rendering is ASCII on one line.
 */

/** Replies whose payload is a text. */
export interface RecordedText {
  readonly kind:
    | 'simple' | 'error' | 'bulk' | 'verbatim' | 'integer' | 'double' | 'boolean' | 'bigNumber';
  readonly text: string;
}
export interface RecordedNull {
  readonly kind: 'null' | 'nullArray';
}
/** A map holds keys and values in turn. */
export interface RecordedAggregate {
  readonly kind: 'array' | 'map' | 'set' | 'push';
  readonly items: readonly RecordedReply[];
}
export type RecordedReply = RecordedText | RecordedNull | RecordedAggregate;

const QUOTED: Readonly<Record<string, string>> = {
  simple: '+', error: '-', bulk: '$', verbatim: '=',
};
const PLAIN: Readonly<Record<string, string>> = {
  integer: ':', double: ',', boolean: '#', bigNumber: '(',
};
const AGGREGATE: Readonly<Record<string, string>> = { array: '*', map: '%', set: '~', push: '>' };
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t',
};

/** The notation of one reply. */
export function notationOf(reply: RecordedReply): string {
  if (!('text' in reply) && !('items' in reply)) return reply.kind === 'null' ? '_' : '*_';
  if ('items' in reply) {
    return `${AGGREGATE[reply.kind] ?? ''}[${reply.items.map(notationOf).join(' ')}]`;
  }
  const plain = PLAIN[reply.kind];
  if (plain !== undefined) return plain + reply.text;
  return `${QUOTED[reply.kind] ?? ''}${quote(reply.text)}`;
}

/** True when both are the same reply: what comparing their notations says, without making them. */
export function isSameReply(a: RecordedReply, b: RecordedReply): boolean {
  if (a.kind !== b.kind) return false;
  if ('text' in a) return 'text' in b && a.text === b.text;
  if (!('items' in a)) return true;
  if (!('items' in b) || a.items.length !== b.items.length) return false;
  return a.items.every((item, i) => {
    const other = b.items[i];
    return other !== undefined && isSameReply(item, other);
  });
}

/** What is not shown as it is. */
const NEEDS_ESCAPE = /["\\]|[^ -~]/;
/** How each character is shown. */
const SHOWN: readonly string[] = Array.from({ length: 256 }, (_, code) => {
  const character = String.fromCharCode(code);
  const isPlain = !NEEDS_ESCAPE.test(character);
  return isPlain ? character : (ESCAPES[character] ?? `\\x${code.toString(16).padStart(2, '0')}`);
});

function quote(text: string): string {
  if (!NEEDS_ESCAPE.test(text)) return `"${text}"`;
  let quoted = '"';
  for (let i = 0; i < text.length; i++) quoted += SHOWN[text.charCodeAt(i)] ?? '?';
  return `${quoted}"`;
}
