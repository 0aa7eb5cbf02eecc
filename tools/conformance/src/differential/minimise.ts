/**
 * Makes a stream that fails short: drops steps, then requests of pipelines, then arguments of long
 * requests, then bytes of long arguments, as long as it still fails.
 *
 * Invariant: what comes out fails. Bounds: `PLAYS_MAX` plays, `PLAYING_MS_MAX` milliseconds.
 * Source: delta debugging (Zeller and Hildebrandt 2002), in its simplest form.
 */
import type { Step, Stream } from './stream.ts';

const PLAYS_MAX = 400;
const PLAYING_MS_MAX = 20_000;
const LONG_CHARACTERS = 100;
/** Requests with more words than this are made shorter. */
const LONG_ARGUMENTS = 8;

/** The shortest stream that was found to fail.
 * @param fails plays a stream and tells whether the servers part */
export async function minimised(
  stream: Stream,
  fails: (shorter: Stream) => Promise<boolean>,
): Promise<Stream> {
  const endMs = performance.now() + PLAYING_MS_MAX;
  let plays = 0;
  const isStillBad = async (steps: readonly Step[]): Promise<boolean> => {
    plays += 1;
    const isOver = plays > PLAYS_MAX || performance.now() > endMs;
    return !isOver && fails({ ...stream, steps });
  };
  let steps = await withoutSome(stream.steps, isStillBad);
  for (let index = 0; index < steps.length; index += 1) {
    const step = steps[index];
    if (step?.kind !== 'pipeline' || step.requests.length === 1) continue;
    const placed = (requests: readonly (readonly string[])[]): Step[] =>
      steps.map((other, at) => (at === index ? { ...step, requests } : other));
    const requests = await withoutSome(step.requests, (fewer) => isStillBad(placed(fewer)));
    steps = placed(requests);
  }
  steps = await withFewArguments(steps, isStillBad);
  steps = await withShortArguments(steps, isStillBad);
  return { ...stream, steps };
}

/** Fewer items that still fail: halves first, then smaller pieces, down to single ones. */
async function withoutSome<Item>(
  items: readonly Item[],
  isStillBad: (fewer: readonly Item[]) => Promise<boolean>,
): Promise<readonly Item[]> {
  let kept = items;
  let size = kept.length;
  while (size > 1) {
    size = Math.ceil(size / 2);
    for (let at = kept.length - size; at >= 0; at -= size) {
      const fewer = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (fewer.length > 0 && (await isStillBad(fewer))) kept = fewer;
    }
  }
  return kept;
}

/** Drops arguments of long requests, by even numbers: many commands take pairs. */
async function withFewArguments(
  steps: readonly Step[],
  isStillBad: (shorter: readonly Step[]) => Promise<boolean>,
): Promise<readonly Step[]> {
  let kept = steps;
  for (let index = 0; index < kept.length; index += 1) {
    const step = kept[index];
    if (step?.kind !== 'pipeline') continue;
    for (let at = 0; at < step.requests.length; at += 1) {
      const placed = (words: readonly string[]): Step[] => kept.map((other, place) =>
        place === index && other.kind === 'pipeline'
          ? { ...other, requests: other.requests.map((each, i) => (i === at ? words : each)) }
          : other);
      const words = step.requests[at] ?? [];
      if (words.length <= LONG_ARGUMENTS) continue;
      const head = words.slice(0, words.length % 2 === 0 ? 2 : 3);
      const pairs = Array.from({ length: (words.length - head.length) / 2 }, (_, i) =>
        words.slice(head.length + 2 * i, head.length + 2 * i + 2));
      const fewer = await withoutSome(pairs, (some) =>
        isStillBad(placed([...head, ...some.flat()])));
      kept = placed([...head, ...fewer.flat()]);
    }
  }
  return kept;
}

async function withShortArguments(
  steps: readonly Step[],
  isStillBad: (shorter: readonly Step[]) => Promise<boolean>,
): Promise<readonly Step[]> {
  const shorten = (text: string): string =>
    text.length > LONG_CHARACTERS ? text.slice(0, LONG_CHARACTERS) : text;
  const shorter = steps.map((step): Step =>
    step.kind === 'pipeline'
      ? { ...step, requests: step.requests.map((request) => request.map(shorten)) }
      : step,
  );
  return (await isStillBad(shorter)) ? shorter : steps;
}
