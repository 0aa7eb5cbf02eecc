/**
 * Request bytes to try a parser with: well-formed ones of both kinds, and damaged ones. Damage is
 * of the sort that matters here: line breaks, lengths, quotes, NULs, cut and doubled pieces.
 */
import { pick } from './seeded.ts';
import type { Chooser } from './seeded.ts';

const ODD_PIECES = [
  '*', '$', '\r', '\n', '\r\n', '\0', '"', "'", '\\', '\\x4', '-1', '-0', '0', '00', '+1', ' ',
  '\v',
  '*0\r\n', '*-1\r\n', '*3\r\n', '$-1\r\n', '$5\r\n', '$0\r\n\r\n', '9999999999', '2147483648',
  '9223372036854775808', '-9223372036854775809', 'PING\r\n', '\xff',
] as const;
const INLINE_PIECES = [
  'SET', 'a', 'key', ' ', '  ', '\t', '"a b"', "'c d'", '"\\x41\\n\\q\\""', "'it\\'s \\n'", '""',
  "''",
  'x"y z"', '\\', '\xe9', '\v',
] as const;

/** A random argument, latin1: mostly short, now and then long, any byte. */
function sampleArgument(choose: Chooser): string {
  const bytes = pick(choose, [0, 1, 2, 3, 8, 12, 20, 100, choose(400)] as const);
  const isText = choose(3) > 0;
  return Array.from({ length: bytes }, () =>
    String.fromCharCode(isText ? 97 + choose(26) : choose(256))).join('');
}

/** One well-formed request, latin1. */
export function sampleRequest(choose: Chooser): string {
  if (choose(4) === 0) {
    const pieces = Array.from({ length: 1 + choose(6) }, () => pick(choose, INLINE_PIECES));
    return pieces.join(pick(choose, ['', ' '] as const)) + pick(choose, ['\r\n', '\n'] as const);
  }
  const count = pick(choose, [1, 2, 3, 3, 4, 11, 40] as const);
  const bulks = Array.from({ length: count }, () => {
    const argument = sampleArgument(choose);
    return `$${argument.length}\r\n${argument}\r\n`;
  });
  return `*${count}\r\n${bulks.join('')}`;
}

/** Several requests in a row, latin1. */
export function samplePipeline(choose: Chooser): string {
  return Array.from({ length: 1 + choose(5) }, () => sampleRequest(choose)).join('');
}

/** The text with one to three damages. */
export function damaged(text: string, choose: Chooser): string {
  let result = text;
  for (let left = 1 + choose(3); left > 0; left--) {
    const at = choose(result.length + 1);
    const span = choose(4);
    const piece = pick(choose, [
      '', pick(choose, ODD_PIECES), String.fromCharCode(choose(256)), result.slice(at, at + span),
    ] as const);
    result = result.slice(0, at) + piece + result.slice(at + (choose(2) === 0 ? span : 0));
  }
  return result;
}
