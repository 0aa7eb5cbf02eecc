/**
 * How far a transfer is: on a terminal a line that changes in place, elsewhere nothing but what is
 * said at the end.
 */

/** Where the line is written; process.stderr is one. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const SHOWN_EVERY_MS = 100;
const BAR_CELLS = 24;
const COLUMNS_UNTOLD = 80;
const MEGABYTE = 1_000_000;

export class Progress {
  readonly #output: ProgressOutput;
  readonly #now: () => number;
  readonly #startMs: number;
  #shownMs = -Infinity;
  #hasLine = false;

  /** @param now milliseconds of any monotonic clock */
  constructor(output: ProgressOutput, now: () => number) {
    this.#output = output;
    this.#now = now;
    this.#startMs = now();
  }

  /** Seconds since the start, at least a millisecond. */
  get seconds(): number {
    return Math.max(1, this.#now() - this.#startMs) / 1000;
  }

  /** Shows where it stands, ten times a second at most.
   * @param bytesTotal -1 = not known */
  show(bytes: number, bytesTotal: number, what: string): void {
    if (this.#isDue()) this.#put(progressLine(bytes, bytesTotal, what, this.seconds));
  }

  /** Shows what has no end to reach: so many bytes, no speed; as often as `show`. */
  count(bytes: number, what: string): void {
    if (this.#isDue()) this.#put(`${(bytes / MEGABYTE).toFixed(1)} MB  ${what}`);
  }

  #isDue(): boolean {
    if (this.#output.isTTY !== true) return false;
    const now = this.#now();
    if (now - this.#shownMs < SHOWN_EVERY_MS) return false;
    this.#shownMs = now;
    return true;
  }

  #put(line: string): void {
    // A terminal that does not know its width says 0.
    const told = this.#output.columns ?? 0;
    const columns = told > 0 ? told : COLUMNS_UNTOLD;
    this.#output.write(`\r\x1b[K${line.slice(0, columns - 1)}`);
    this.#hasLine = true;
  }

  /** Takes the line away; other output may follow. */
  clear(): void {
    if (this.#hasLine) this.#output.write('\r\x1b[K');
    this.#hasLine = false;
  }
}

/** The line: a bar where the total is known, megabytes, speed, what else is counted. */
export function progressLine(
  bytes: number, bytesTotal: number, what: string, seconds: number,
): string {
  const megabytes = `${(bytes / MEGABYTE).toFixed(1)} MB`;
  const speed = `${(bytes / MEGABYTE / seconds).toFixed(0)} MB/s`;
  if (bytesTotal <= 0) return `${megabytes}  ${speed}  ${what}`;
  const part = Math.min(1, bytes / bytesTotal);
  const full = Math.round(part * BAR_CELLS);
  const bar = '#'.repeat(full) + '-'.repeat(BAR_CELLS - full);
  const percent = `${Math.floor(part * 100)}%`.padStart(4);
  return `[${bar}] ${percent}  ${megabytes}  ${speed}  ${what}`;
}
