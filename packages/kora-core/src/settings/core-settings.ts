/**
 * Settings of the engine itself: memory, eviction, expiry, thresholds of encodings, keyspace
 * events, scripts, monitoring. Names, defaults, bounds and texts are those of redis-server 7.0.15;
 * `inert` gives the reason where Kora accepts a value and does nothing with it, and
 * docs/differences.md repeats that list for users.
 */
import { DATABASE_COUNT } from '../limits.ts';
import {
  booleanSetting, enumSetting, integerSetting, memorySetting,
} from './setting.ts';
import type { Setting } from './setting.ts';
import { keyspaceEventsSetting, percentilesSetting } from './special-settings.ts';

export const INT32_MAX = 2_147_483_647;
const UINT64_MAX = 2n ** 64n - 1n;
const MIB = 1024 * 1024;

const laterScript = { inert: 'there are no scripts yet' };
const ownExpiry = { inert: 'a timing wheel frees keys when they are due, whatever the effort' };
const ownFreeing = { inert: 'Kora decides by size whether freeing is done in the background' };
const ownDefrag = { inert: 'sparse slabs are always evacuated in the background' };

const memorySettings: readonly Setting[] = [
  memorySetting('maxmemory', 0, { max: UINT64_MAX }),
  enumSetting('maxmemory-policy', 'noeviction', [
    'volatile-lru', 'volatile-lfu', 'volatile-random', 'volatile-ttl',
    'allkeys-lru', 'allkeys-lfu', 'allkeys-random', 'noeviction',
  ]),
  integerSetting('maxmemory-samples', 5, { min: 1, max: INT32_MAX }),
  integerSetting('maxmemory-eviction-tenacity', 10, { min: 0, max: 100 }, {
    inert: 'eviction works in bounded slices until memory is under its limit',
  }),
  integerSetting('lfu-log-factor', 10, { min: 0, max: INT32_MAX }),
  integerSetting('lfu-decay-time', 1, { min: 0, max: INT32_MAX }),
  memorySetting('proto-max-bulk-len', 512 * MIB, { min: MIB }),
  integerSetting('databases', 16, { min: 1, max: DATABASE_COUNT }, { isFixed: true }),
  booleanSetting('lazyfree-lazy-eviction', 'no', ownFreeing),
  booleanSetting('lazyfree-lazy-expire', 'no', ownFreeing),
  booleanSetting('lazyfree-lazy-server-del', 'no', ownFreeing),
  booleanSetting('lazyfree-lazy-user-del', 'no', ownFreeing),
  booleanSetting('lazyfree-lazy-user-flush', 'no', ownFreeing),
  booleanSetting('activedefrag', 'no', ownDefrag),
  memorySetting('active-defrag-ignore-bytes', 100 * MIB, { min: 1 }, ownDefrag),
  integerSetting('active-defrag-threshold-lower', 10, { min: 0, max: 1000 }, ownDefrag),
  integerSetting('active-defrag-threshold-upper', 100, { min: 0, max: 1000 }, ownDefrag),
  integerSetting('active-defrag-cycle-min', 1, { min: 1, max: 99 }, ownDefrag),
  integerSetting('active-defrag-cycle-max', 25, { min: 1, max: 99 }, ownDefrag),
  integerSetting('active-defrag-max-scan-fields', 1000, { min: 1 }, ownDefrag),
  booleanSetting('jemalloc-bg-thread', 'yes', { inert: 'Kora has its own allocator' }),
  booleanSetting('activerehashing', 'yes', {
    inert: 'the index grows by splits, never by a rehash',
  }),
  integerSetting('active-expire-effort', 1, { min: 1, max: 10 }, ownExpiry),
];

const encodingSettings: readonly Setting[] = [
  integerSetting('hash-max-listpack-entries', 512, { min: 0 }, {
    aliases: ['hash-max-ziplist-entries'],
  }),
  memorySetting('hash-max-listpack-value', 64, {}, {
    aliases: ['hash-max-ziplist-value'],
  }),
  integerSetting('set-max-intset-entries', 512, { min: 0 }),
  integerSetting('zset-max-listpack-entries', 128, { min: 0 }, {
    aliases: ['zset-max-ziplist-entries'],
  }),
  memorySetting('zset-max-listpack-value', 64, {}, {
    aliases: ['zset-max-ziplist-value'],
  }),
  integerSetting('list-max-listpack-size', -2, { min: -INT32_MAX - 1, max: INT32_MAX }, {
    aliases: ['list-max-ziplist-size'],
  }),
  integerSetting('list-compress-depth', 0, { min: 0, max: INT32_MAX }, {
    inert: 'elements of lists are not compressed',
  }),
  memorySetting('hll-sparse-max-bytes', 3000, {}),
  memorySetting('stream-node-max-bytes', 4096, {}),
  integerSetting('stream-node-max-entries', 100, { min: 0 }),
  enumSetting('sanitize-dump-payload', 'no', ['no', 'yes', 'clients'], {
    inert: 'payloads of RESTORE are always checked in full',
  }),
];

const observationSettings: readonly Setting[] = [
  keyspaceEventsSetting(),
  enumSetting('enable-debug-command', 'no', ['no', 'yes', 'local'], { isFixed: true }),
  enumSetting('enable-module-command', 'no', ['no', 'yes', 'local'], {
    isFixed: true, inert: 'modules cannot be loaded',
  }),
  enumSetting('enable-protected-configs', 'no', ['no', 'yes', 'local'], { isFixed: true }),
  integerSetting('busy-reply-threshold', 5000, { min: 0 }, {
    aliases: ['lua-time-limit'], ...laterScript,
  }),
  integerSetting('slowlog-log-slower-than', 10_000, { min: -1 }),
  integerSetting('slowlog-max-len', 128, { min: 0 }),
  integerSetting('latency-monitor-threshold', 0, { min: 0 }),
  booleanSetting('latency-tracking', 'yes'),
  percentilesSetting(),
  integerSetting('tracking-table-max-keys', 1_000_000, { min: 0 }),
];

/** The engine's settings, in the order of CONFIG GET. */
export const coreSettings: readonly Setting[] = [
  ...memorySettings, ...encodingSettings, ...observationSettings,
];
