/**
 * Bytes against the request parser: valid frames, mutated frames and noise, whole and cut
 * everywhere.
 */
import { fuzzRequestParser } from '@kora/protocol/testing';
import { Choices } from '../target.ts';
import type { FuzzTarget } from '../target.ts';

const WORDS = ['GET', 'SET', 'k', 'value', '', 'a b', '"x"', "'y'", '\r\n', '\u0000', '$5', '*3'];
const BREAKERS = [
  '*', '$', '*0', '*-1', '*99999999999', '$-1', '$99999999', '*1048577', '+', ':1', '\n', '\r',
  '"', "'", '\\x', '*1\r\n$', '*2\r\n$1\r\na', '*\r\n', '$\r\n', '*1\r\n:1\r\n', '*+1\r\n',
  '*01\r\n',
];

function randomFrame(choices: Choices): string {
  const words = Array.from({ length: 1 + choices.below(4) }, () => choices.of(WORDS));
  if (choices.once(4)) return `${words.join(' ')}\r\n`;
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

function mutate(text: string, choices: Choices): string {
  const at = choices.below(text.length + 1);
  switch (choices.below(4)) {
    case 0:
      return text.slice(0, at) + choices.of(BREAKERS) + text.slice(at);
    case 1:
      return text.slice(0, at) + text.slice(at + 1 + choices.below(3));
    case 2:
      return text.slice(0, at) + String.fromCharCode(choices.below(256)) + text.slice(at + 1);
    default:
      return text.slice(0, at) + text.slice(choices.below(text.length + 1));
  }
}

export const requestBytes: FuzzTarget = {
  name: 'request-bytes',
  promise: 'the parser never throws, always ends, and does not care where bytes are cut',
  smokeRounds: 3000,
  run(seed) {
    const choices = new Choices(seed);
    let text = Array.from({ length: 1 + choices.below(4) }, () => randomFrame(choices)).join('');
    for (let i = choices.below(4); i > 0; i--) text = mutate(text, choices);
    fuzzRequestParser(Uint8Array.from(text, (letter) => letter.charCodeAt(0)), seed);
  },
};
