/**
 * Makes a request that fits its grammar into one that nearly fits: an argument lost, doubled,
 * swapped, of a wrong type, an option twice, one too many; and keeps times harmless.
 *
 * Invariant: after `withSafeTimes` no command can give a key a time to live that ends while the
 *   stream is played, wherever the mutation put the numbers.
 */
import { SAFE_SECONDS, type Pools } from './pools.ts';

const MUTATIONS_MAX = 2;
const SHORT_TIME_MAX = 100_000;
const RESTORE_TIME_MAX = 9.22337e18;
const EXPIRY_WORDS: ReadonlySet<string> = new Set(['ex', 'px']);
const EXPIRY_COMMANDS: ReadonlySet<string> = new Set([
  'expire', 'pexpire', 'setex', 'psetex', 'restore', 'restore-asking',
]);

/** Changes `request` (not its name) in one or two places. */
export function mutate(request: string[], nameWords: number, pools: Pools): void {
  const { choices } = pools;
  const times = 1 + choices.below(MUTATIONS_MAX);
  for (let time = 0; time < times; time += 1) {
    const count = request.length - nameWords;
    const at = nameWords + choices.below(Math.max(count, 1));
    const kind = choices.below(8);
    if (kind === 0 || count === 0) request.push(oddArgument(pools));
    else if (kind === 1) request.splice(at, 1);
    else if (kind === 2) request.splice(at, 0, request[at] ?? '');
    else if (kind === 3) request.push(...request.slice(at));
    else if (kind === 4) request.length = at;
    else if (kind === 5) swap(request, at, nameWords + choices.below(count));
    else request[at] = oddArgument(pools);
  }
}

function swap(request: string[], left: number, right: number): void {
  const kept = request[left] ?? '';
  request[left] = request[right] ?? '';
  request[right] = kept;
}

function oddArgument(pools: Pools): string {
  const kind = pools.choices.below(6);
  if (kind === 0) return pools.integer();
  if (kind === 1) return pools.value();
  if (kind === 2) return pools.key();
  if (kind === 3) return pools.double();
  return pools.word();
}

/** Lengthens every time to live that would end soon. Gives back the same array. */
export function withSafeTimes(request: string[]): string[] {
  const name = (request[0] ?? '').toLowerCase();
  const canExpire =
    EXPIRY_COMMANDS.has(name) || request.some((word) => EXPIRY_WORDS.has(word.toLowerCase()));
  if (!canExpire) return request;
  for (let index = 1; index < request.length; index += 1) {
    const number = Number(request[index]);
    const isShort = /^[1-9]\d*$/.test(request[index] ?? '') && number < SHORT_TIME_MAX;
    if (isShort) request[index] = String(SAFE_SECONDS * 1_000 + number);
    // RESTORE's end would overflow: refused by Kora (docs/differences.md).
    const isTooLong = name.startsWith('restore') && number > RESTORE_TIME_MAX;
    if (isTooLong) request[index] = '4611686018427387904';
  }
  return request;
}
