/**
 * Options of an index, checked and completed. Presets are Neumann's three; `m`, `efConstruction`
 * and `ef` given beside a preset win over it.
 */
import {
  AUTO_FLAT_MAX, DIMENSION_MAX, EF_MAX, M_MAX, M_MIN, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN,
  TRAINING_COMPONENTS, TRAINING_VECTORS_MAX, TRAINING_VECTORS_MIN,
} from './limits.ts';
import type { EngineVariant } from './engine/modules.ts';
import { checkObject, VectorError } from './vector-error.ts';

/** `cosine`: 1 - cos, 0..2. `l2`: Euclidean. `ip`: minus the dot product. Smaller is nearer. */
export type Metric = 'cosine' | 'l2' | 'ip';
/**
 * What is kept of a vector. `f32`: all of it, and a code of 7 bits for the graph. `bf16`: half, and
 * the code. `codes`: the code only. `bits`: the signs only, cosine only.
 */
export type Storage = 'f32' | 'bf16' | 'codes' | 'bits';
/** `exact`: always a scan. `hnsw`: a graph from the start. `auto`: a graph once scans are slow. */
export type Mode = 'auto' | 'exact' | 'hnsw';
/** Every metric. */
export const METRICS: readonly Metric[] = ['cosine', 'l2', 'ip'];
export type Preset = 'high_speed' | 'default' | 'high_recall';

/** How to make an index. */
export interface VectorIndexOptions {
  /** Components of every vector, 1..65,536. */
  readonly dimension: number;
  /** Default `cosine`. */
  readonly metric?: Metric;
  /** Default `f32`. */
  readonly storage?: Storage;
  /** Default `auto`. */
  readonly mode?: Mode;
  /** Sets m, efConstruction and ef: 8/100/20, 16/200/50 (default), 32/400/200. */
  readonly preset?: Preset;
  /** Links of a node, 4..128. */
  readonly m?: number;
  /** Candidates looked at when a vector is linked, up to 4,096. */
  readonly efConstruction?: number;
  /** Candidates looked at by a search unless it says otherwise, up to 4,096. */
  readonly ef?: number;
  /** Same seed, same calls, same graph. Any 32-bit integer, default 1. */
  readonly seed?: number;
  /** Bytes the index may take in all; adding beyond is refused. Default: no limit. */
  readonly bytesMax?: number;
  /** Bytes of one memory, up to 65,535 pages of 64 KiB; the index opens more when one is full. */
  readonly segmentBytesMax?: number;
  /** Which engine; default `auto`. */
  readonly engine?: EngineVariant;
  /** Vectors that mode `auto` scans before it builds a graph, default 2,000. */
  readonly autoFlatMax?: number;
  /** Vectors from which the range of the codes is taken; default 32 to 1,024, by dimension. */
  readonly trainingCount?: number;
}

/** Options with nothing left open. */
export type CheckedOptions = Required<Omit<VectorIndexOptions, 'preset'>>;

const PRESETS = {
  high_speed: { m: 8, efConstruction: 100, ef: 20 },
  default: { m: 16, efConstruction: 200, ef: 50 },
  high_recall: { m: 32, efConstruction: 400, ef: 200 },
} as const;

function integer(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new VectorError('OPTION', `${name} is ${value}; wanted: an integer from ${min} to ${max}`);
}

/** @throws VectorError OPTION */
export function oneOf<Name extends string>(
  name: string, value: Name, names: readonly Name[],
): Name {
  if (names.includes(value)) return value;
  throw new VectorError('OPTION', `${name} is ${String(value)}; wanted: ${names.join(', ')}`);
}

/** Vectors after which the range of the codes is taken. */
function trainingCount(dimension: number): number {
  const wanted = Math.ceil(TRAINING_COMPONENTS / dimension);
  return Math.min(TRAINING_VECTORS_MAX, Math.max(TRAINING_VECTORS_MIN, wanted));
}

/** Checks options and fills in what was left out. @throws VectorError OPTION */
export function checkOptions(given: VectorIndexOptions): CheckedOptions {
  checkObject('options', given);
  const preset = PRESETS[
    oneOf('preset', given.preset ?? 'default', ['high_speed', 'default', 'high_recall'])
  ];
  const metric = oneOf('metric', given.metric ?? 'cosine', METRICS);
  const storage = oneOf('storage', given.storage ?? 'f32', ['f32', 'bf16', 'codes', 'bits']);
  if (storage === 'bits' && metric !== 'cosine') {
    throw new VectorError('OPTION', 'storage bits keeps signs only, which compare by cosine');
  }
  const bytesMax = given.bytesMax ?? Number.MAX_SAFE_INTEGER;
  const checked: CheckedOptions = {
    dimension: integer('dimension', given.dimension, 1, DIMENSION_MAX),
    metric,
    storage,
    mode: oneOf('mode', given.mode ?? 'auto', ['auto', 'exact', 'hnsw']),
    m: integer('m', given.m ?? preset.m, M_MIN, M_MAX),
    efConstruction: integer('efConstruction', given.efConstruction ?? preset.efConstruction,
      1, EF_MAX),
    ef: integer('ef', given.ef ?? preset.ef, 1, EF_MAX),
    seed: integer('seed', given.seed ?? 1, -(2 ** 31), 2 ** 32 - 1),
    bytesMax: integer('bytesMax', bytesMax, SEGMENT_BYTES_MIN, Number.MAX_SAFE_INTEGER),
    segmentBytesMax: integer('segmentBytesMax', given.segmentBytesMax ?? SEGMENT_BYTES_MAX,
      SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX),
    engine: oneOf('engine', given.engine ?? 'auto', ['auto', 'simd', 'relaxed']),
    autoFlatMax: integer('autoFlatMax', given.autoFlatMax ?? AUTO_FLAT_MAX, 0, 2 ** 27),
    trainingCount: integer('trainingCount', given.trainingCount ?? trainingCount(given.dimension),
      TRAINING_VECTORS_MIN, 2 ** 20),
  };
  const unknown = Object.keys(given).find((name) => name !== 'preset' && !(name in checked));
  if (unknown === undefined) return checked;
  const known = ['preset', ...Object.keys(checked)].join(', ');
  throw new VectorError('OPTION', `unknown option ${unknown}; known: ${known}`);
}
