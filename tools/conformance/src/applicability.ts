/**
 * Which drivers a case is for: the one place that decides it.
 *
 * A socket driver plays every case of its protocol. The embedded engine has no sockets and no
 *   protocol, so cases about connections do not apply to it; everything else does.
 * Invariant: the decision looks at what a case does, never at its title or file, and the numbers
 *   of cases left out are asserted by the test, so that they cannot grow unseen.
 */
import { protocolsOf, type ConformanceCase } from './case-file.ts';
import type { DriverName } from './drivers/driver.ts';

/** Commands about a connection and its protocol, which calls inside a process do not have. */
const CONNECTION_COMMANDS: ReadonlySet<string> = new Set([
  'AUTH',
  'CLIENT',
  'HELLO',
  'MONITOR',
  'PSUBSCRIBE',
  'PUNSUBSCRIBE',
  'QUIT',
  'RESET',
  'SHUTDOWN',
  'SSUBSCRIBE',
  'SUBSCRIBE',
  'SUNSUBSCRIBE',
  'UNSUBSCRIBE',
]);

/** Why a case is about connections; undefined when it is not. */
export function connectionTopicOf(conformanceCase: ConformanceCase): string | undefined {
  if (conformanceCase.only === '2') return 'RESP2 only';
  for (const step of conformanceCase.steps) {
    if (step.kind === 'raw') return 'raw bytes';
    if (step.kind === 'closed') return 'closing';
    if (step.kind !== 'send') continue;
    if (step.isSendOnly) return 'a request that blocks';
    const command = (step.written[0]?.text ?? '').toUpperCase();
    if (CONNECTION_COMMANDS.has(command)) return command;
  }
  return undefined;
}

/** The drivers that play a case, in the order of DRIVER_NAMES. */
export function driversOf(conformanceCase: ConformanceCase): DriverName[] {
  const names: DriverName[] = protocolsOf(conformanceCase).map((protocol) =>
    protocol === '3' ? 'resp3' : 'resp2',
  );
  if (connectionTopicOf(conformanceCase) === undefined) names.push('embedded');
  return names;
}
