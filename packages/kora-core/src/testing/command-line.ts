/**
 * Command lines of examples and tests, as the conformance corpus writes requests: words separated
 * by spaces, "..." with \n \r \t \a \b \" \\ \xHH, '...' taken literally. One character stands for
 * one byte.
 */
const ESCAPED: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b' };

/** The arguments of a command line. @throws {Error} when a quote is not closed */
export function splitCommandLine(line: string): string[] {
  const words: string[] = [];
  let at = 0;
  while (at < line.length) {
    if (line[at] === ' ') {
      at++;
      continue;
    }
    const { text, next } = readWord(line, at);
    words.push(text);
    at = next;
  }
  return words;
}

function readWord(line: string, from: number): { text: string; next: number } {
  const quote = line[from];
  if (quote !== '"' && quote !== "'") {
    const space = line.indexOf(' ', from);
    const next = space < 0 ? line.length : space;
    return { text: line.slice(from, next), next };
  }
  let text = '';
  let at = from + 1;
  for (;;) {
    const character = line[at];
    if (character === undefined) throw new Error(`a quote is not closed: ${line}`);
    if (character === quote) return { text, next: at + 1 };
    if (quote === '"' && character === '\\') {
      const escape = line[at + 1] ?? '';
      const hex = Number.parseInt(line.slice(at + 2, at + 4), 16);
      text += escape === 'x' ? String.fromCharCode(hex) : (ESCAPED[escape] ?? escape);
      at += escape === 'x' ? 4 : 2;
    } else {
      text += character;
      at++;
    }
  }
}
