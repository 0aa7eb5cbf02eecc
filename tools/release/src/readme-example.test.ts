/**
 * Which block of a README counts as its example.
 */
import { describe, expect, it } from 'vitest';
import { firstExample } from './readme-example.ts';

const fence = '```';

describe('firstExample', () => {
  it('takes the first block of JavaScript and passes over shells', () => {
    const readme = `# A\n${fence}sh\nnpm install\n${fence}\n${fence}js\na();\nb();\n${fence}\n` +
      `${fence}js\nc();\n${fence}\n`;
    expect(firstExample(readme)).toBe('a();\nb();\n');
  });
  it('accepts TypeScript, which must then be plain JavaScript too', () => {
    expect(firstExample(`${fence}ts title="a"\na();\n${fence}\n`)).toBe('a();\n');
  });
  it('finds none in a README without one, nor in an unfinished block', () => {
    expect(firstExample('# A\ntext\n')).toBeUndefined();
    expect(firstExample(`${fence}js\na();\n`)).toBeUndefined();
    expect(firstExample(`${fence}json\n{}\n${fence}\n`)).toBeUndefined();
  });
});
