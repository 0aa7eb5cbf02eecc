/**
 * A failing stream as text that a person can play by hand: one request a line, in the notation of
 * case files, then what the two servers said.
 */
import { quoteText } from '../reply-notation.ts';
import type { Difference } from './play-stream.ts';
import type { Step, Stream } from './stream.ts';

/** Arguments of a request that are shown. */
const ARGUMENTS_SHOWN_MAX = 200;
const LONG_RUN = /(\\x[0-9a-f]{2}|[^\\])\1{19,}/g;

/** The lines that tell how a stream fails. */
export function reportOf(stream: Stream, difference: Difference): string {
  const lines = [`seed ${stream.seed}, RESP${stream.protocol}`];
  for (const step of stream.steps) lines.push(...linesOf(step));
  lines.push(
    `at step ${difference.step} of ${stream.steps.length}: ${requestText(difference.request)}`,
    `  kora      ${difference.kora}`,
    `  reference ${difference.reference}`,
  );
  return lines.join('\n');
}

function linesOf(step: Step): string[] {
  if (step.kind === 'raw') return [`  raw ${argumentText(step.bytes)}`];
  const place = step.connection === 0 ? '  > ' : `  @${step.connection} > `;
  switch (step.kind) {
    case 'pipeline':
      return step.requests.map((request) => place + requestText(request));
    case 'scan':
      return [`${place}(all of) SCAN 0 ${requestText(step.options)}`];
    case 'transfer':
      return [`${place}(DUMP and crosswise RESTORE of) ${argumentText(step.key)}`];
    case 'flash':
      return [`${place}${requestText(step.request)} (wait) EXISTS ${argumentText(step.key)}`];
  }
}

function requestText(request: readonly string[]): string {
  const text = request.slice(0, ARGUMENTS_SHOWN_MAX).map(argumentText).join(' ');
  const left = request.length - ARGUMENTS_SHOWN_MAX;
  return left > 0 ? `${text} (and ${left} more)` : text;
}

/** An argument as case files write it; a long run of one character as `${rep:C:N}`. */
function argumentText(text: string): string {
  if (/^[A-Za-z0-9._+-]{1,59}$/.test(text)) return text;
  return quoteText(text).replace(LONG_RUN, (run: string, character: string) =>
    `\${rep:${character}:${run.length / character.length}}`,
  );
}
