/**
 * Log-linear histogram of latencies in one typed array: recording allocates nothing, so that the
 * measurement makes no pauses of its own.
 * A latency is counted in tenths of a microsecond: below LINEAR each has its own bucket, above
 * every power of two is cut into LINEAR parts, so a percentile is at most 1/LINEAR (0.8 %) too
 * high. The highest bucket takes everything from 214 s on; the maximum is kept exactly.
 * Source: the idea of HdrHistogram, Gil Tene.
 */

/** Buckets of a power of two. */
const LINEAR = 128;
const LINEAR_BITS = 7;
const TENTHS_MAX = 2 ** 31 - 1;
/** 128 exact ones, then 128 for each power of two from 2^7 to 2^30. */
const BUCKETS = LINEAR * (31 - LINEAR_BITS + 1);

/** Bucket of a whole number in [0, 2^31). */
function bucketOf(tenths: number): number {
  const shift = Math.max(0, 31 - Math.clz32(tenths) - LINEAR_BITS);
  return shift * LINEAR + (tenths >>> shift);
}

/** Highest whole number in the bucket. */
function topOf(bucket: number): number {
  if (bucket < 2 * LINEAR) return bucket;
  const shift = (bucket >>> LINEAR_BITS) - 1;
  return ((bucket & (LINEAR - 1)) + LINEAR + 1) * 2 ** shift - 1;
}

export class LatencyHistogram {
  /** Latencies recorded. */
  count = 0;
  maxUs = 0;
  readonly #counts = new Float64Array(BUCKETS);

  /** Records one latency, microseconds; less than 0 counts as 0. */
  record(us: number): void {
    const tenths = Math.min(TENTHS_MAX, Math.max(0, Math.round(us * 10)));
    const bucket = bucketOf(tenths);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.count++;
    if (us > this.maxUs) this.maxUs = us;
  }

  /**
   * Microseconds that this percentage of the latencies do not exceed; NaN when there are none.
   * @param percent from 0 to 100
   */
  percentileUs(percent: number): number {
    if (this.count === 0) return NaN;
    const wanted = Math.max(1, Math.ceil((this.count * percent) / 100));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket] ?? 0;
      if (seen >= wanted) return Math.min(topOf(bucket) / 10, this.maxUs);
    }
    return this.maxUs;
  }
}
