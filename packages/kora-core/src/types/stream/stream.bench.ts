/**
 * Speed of streams through their commands, without a socket: appends, ranges, searches by ID in
 * the middle, deliveries with their removal, on a stream of 200 k entries. Every command
 * includes the executor and the placing of its arguments.
 */
import { bench, describe } from 'vitest';
import { CommandDriver } from '../../testing/command-driver.ts';

const ENTRIES = 200_000;
const driver = new CommandDriver();
for (let i = 1; i <= ENTRIES; i++) driver.run('XADD', 's', `${i}-1`, 'field', 'a value');
driver.run('XGROUP', 'CREATE', 's', 'g', '0');

describe(`a stream of ${ENTRIES} entries`, () => {
  let next = ENTRIES;
  let middle = 0;

  bench('XADD', () => {
    driver.run('XADD', 's', `${++next}-1`, 'field', 'a value');
  });

  bench('XRANGE of 100 in the middle', () => {
    middle = (middle + 7919) % (ENTRIES - 200);
    driver.run('XRANGE', 's', `${middle + 1}-1`, '+', 'COUNT', '100');
  });

  bench('XREVRANGE of 100 at the end', () => {
    driver.run('XREVRANGE', 's', '+', '-', 'COUNT', '100');
  });

  bench('XREADGROUP of 10, given up from time to time', () => {
    const before = Number(/\d+/.exec(driver.run('XPENDING', 's', 'g'))?.[0] ?? 0);
    driver.run('XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '10', 'STREAMS', 's', '>');
    if (before > 1000) driver.run('XGROUP', 'DELCONSUMER', 's', 'g', 'c');
  });
});
