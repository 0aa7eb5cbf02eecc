/**
 * Describes the corpus to vitest: one test a case, so that counts of passed cases are real.
 *
 * Known gaps do not count as passed: the gaps of a file share one test, which holds that all of
 *   them still fail. Cases run one after the other on the engine that `player()` reaches.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CaseFile } from './case-file.ts';
import { casesFor, loadCorpus } from './corpus.ts';
import type { DriverName, Protocol } from './drivers/driver.ts';
import { socketDriver } from './drivers/socket-driver.ts';
import { gapKeyOf, isListed, type KnownGaps } from './known-gaps.ts';
import { Player } from './play.ts';
import { complaintOf, runCase } from './run-corpus.ts';
import type { RunningServer } from './server-process.ts';

const CASE_MS_MAX = 60_000;
const GAPS_MS_MAX = 600_000;

export interface SuiteParts {
  readonly corpus: readonly CaseFile[];
  readonly driver: DriverName;
  readonly gaps: KnownGaps;
  /** Asked when tests run, after the hooks that start the engine. */
  readonly player: () => Player;
}

/** Registers the tests of one server. It is started before them and ended after, and plays
 * everything, one case after the other, in one protocol after the other.
 * @param corpus what to play */
export function describeServerCorpus(
  gaps: KnownGaps, start: () => Promise<RunningServer>, protocols: readonly Protocol[] = ['2', '3'],
  corpus: readonly CaseFile[] = loadCorpus(),
): void {
  const players = new Map<Protocol, Player>();
  let server: RunningServer | undefined;
  beforeAll(async () => {
    server = await start();
    for (const protocol of protocols) {
      players.set(protocol, new Player(socketDriver(server, protocol)));
    }
  });
  afterAll(async () => {
    for (const player of players.values()) player.close();
    await server?.stop();
  });
  const player = (protocol: Protocol): Player => {
    const found = players.get(protocol);
    if (found === undefined) throw new Error('the server of this corpus has not started');
    return found;
  };
  for (const protocol of protocols) {
    const driver = protocol === '2' ? 'resp2' : 'resp3';
    describeCorpus({ corpus, driver, gaps, player: () => player(protocol) });
  }
}

/** Registers the tests of one driver. */
export function describeCorpus({ corpus, driver, gaps, player }: SuiteParts): void {
  for (const file of corpus) {
    const cases = casesFor(file, driver);
    const listed = cases.filter((entry) => isListed(gaps, gapKeyOf(file, entry), driver));
    const expected = cases.filter((entry) => !listed.includes(entry));
    describe(`${driver} ${file.name}`, () => {
      for (const conformanceCase of expected) {
        it(
          conformanceCase.title,
          async () => {
            const result = await runCase(file, conformanceCase, player(), gaps);
            expect(complaintOf(result)).toBe('');
          },
          CASE_MS_MAX,
        );
      }
      if (listed.length === 0) return;
      it(
        `fails in its ${String(listed.length)} known gaps`,
        async () => {
          const complaints: string[] = [];
          for (const conformanceCase of listed) {
            complaints.push(complaintOf(await runCase(file, conformanceCase, player(), gaps)));
          }
          expect(complaints.filter((complaint) => complaint !== '')).toEqual([]);
        },
        GAPS_MS_MAX,
      );
    });
  }
}
