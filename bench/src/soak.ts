/**
 * `pnpm bench:soak`: mixed traffic with resets and aborts for half an hour, every reply checked;
 * memory, clients and descriptors must stay flat and come back when all clients have left. Prints a
 * line a minute, the figures and a verdict; exit code 1 when it did not pass.
 * What runs is in soak/: soak-commands.ts (which commands, which replies), soak-client.ts (how a
 * client behaves), soak-samples.ts (what flat means), soak-run.ts (all together).
 * Options: --io auto (or uring, epoll, node; several in turn) --seconds 1800 --clients 32
 *   --sample-seconds 5 --seed N (by chance; printed)
 */
import { parseArgs } from 'node:util';
import { startKora } from './processes.ts';
import type { SoakReport } from './soak/soak-run.ts';
import { runSoak } from './soak/soak-run.ts';
import type { SoakSample } from './soak/soak-samples.ts';
import { markdownTable } from './table.ts';

const { values } = parseArgs({
  options: {
    io: { type: 'string', default: 'auto' },
    seconds: { type: 'string', default: '1800' },
    clients: { type: 'string', default: '32' },
    'sample-seconds': { type: 'string' },
    seed: { type: 'string' },
  },
});

const PROGRESS_SECONDS = 60;
/** Samples of a short soak, so that there are enough for a verdict. */
const SAMPLES_MIN = 15;
const SAMPLE_SECONDS = 5;

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

function progressPrinter(engine: string): (sample: SoakSample) => void {
  let nextSeconds = 0;
  return (sample) => {
    if (sample.atSeconds < nextSeconds) return;
    nextSeconds = sample.atSeconds + PROGRESS_SECONDS;
    process.stderr.write(
      `${engine} ${sample.atSeconds.toFixed(0)} s: rss ${mib(sample.residentBytes)}, ` +
        `data ${mib(sample.dataBytes)}, buffers ${mib(sample.bufferBytes)}, ` +
        `${sample.clients} clients, ` +
        `${sample.descriptors} descriptors\n`,
    );
  };
}

function print(engine: string, report: SoakReport): void {
  const shown = (figure: string, value: number): string =>
    figure.endsWith('Bytes') ? mib(value) : value.toFixed(0);
  const rows = report.verdicts.map(({ figure, first, last, limit, isFlat }) => [
    figure, shown(figure, report.before[figure]), shown(figure, first), shown(figure, last),
    shown(figure, limit), shown(figure, report.after[figure]), isFlat ? 'yes' : 'NO',
  ]);
  const heads = ['figure', 'before', 'first third', 'last third', 'at most', 'after', 'flat'];
  const verdict = report.complaints.length === 0 ? 'passed' : 'FAILED';
  process.stdout.write(
    `soak of --io ${engine}, ${values.seconds} s, ${values.clients} clients, ` +
      `seed ${report.seed}: ${report.commands} commands, ${report.connections} connections\n\n` +
      `${markdownTable(heads, rows)}\n\n` +
      `${report.complaints.map((complaint) => `- ${complaint}\n`).join('')}${verdict}\n\n`,
  );
}

/** Soaks one engine; true when it passed. */
async function soak(engine: string, seed: number): Promise<boolean> {
  const seconds = Number(values.seconds);
  const sampleSeconds = values['sample-seconds'] === undefined
    ? Math.min(SAMPLE_SECONDS, seconds / SAMPLES_MIN) : Number(values['sample-seconds']);
  const server = await startKora(['--io', engine], [], `kora ${engine}`);
  try {
    const report = await runSoak(server, {
      seconds, sampleSeconds, seed, clients: Number(values.clients),
      onSample: progressPrinter(engine),
    });
    print(engine, report);
    return report.complaints.length === 0;
  } finally {
    await server.stop();
  }
}

const seed = values.seed === undefined ? Math.floor(Math.random() * 1e6) : Number(values.seed);
for (const engine of values.io.split(',')) {
  if (!(await soak(engine, seed))) process.exitCode = 1;
}
