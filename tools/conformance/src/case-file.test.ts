/**
 * Case files: every line form is understood, every wrong line is refused with its place, and
 * arguments are split and expanded as the format promises.
 */
import { describe, expect, it } from 'vitest';
import { expandArguments, splitArguments } from './case-arguments.ts';
import { commandsOf, parseCaseFile, protocolsOf } from './case-file.ts';
import { loadCorpus, chooseCases } from './corpus.ts';

function parse(...lines: string[]) {
  return parseCaseFile('sample', lines.join('\n')).cases;
}
function sent(line: string, saved: readonly (readonly [string, string])[] = []): string[] {
  return expandArguments(splitArguments(line), new Map(saved));
}

describe('parseCaseFile', () => {
  it('reads titles, directives and every kind of step', () => {
    const [first, second] = parse(
      '## about this file', '', '# one', '! only 3', '! config maxmemory 0', '! after DEL "a b"',
      '> SET k v', '< +"OK"', '@b >> BLPOP q 0', '@b < nothing', '>raw "PING\\r\\n"', '< closed',
      '. sleep 80', '# two', '> get k', '< {err} -"ERR x"', '<3 _',
    );
    expect(first).toMatchObject({ title: 'one', line: 3, only: '3' });
    expect(first!.settings).toEqual([splitArguments('maxmemory 0')]);
    expect(first!.cleanUps).toEqual([splitArguments('DEL "a b"')]);
    expect(first!.steps.map(({ kind, connection }) => [kind, connection])).toEqual([
      ['send', 'main'], ['reply', 'main'], ['send', 'b'], ['nothing', 'b'], ['raw', 'main'],
      ['closed', 'main'], ['sleep', ''],
    ]);
    expect(first!.steps[2]).toMatchObject({ isSendOnly: true, line: 9 });
    expect(second!.steps[1]).toMatchObject({
      expected: { '2': { reply: { kind: 'error' } }, '3': { reply: { kind: 'null' } } },
    });
    expect(protocolsOf(first!)).toEqual(['3']);
    expect(protocolsOf(second!)).toEqual(['2', '3']);
    expect(commandsOf(second!)).toEqual(new Set(['GET']));
  });

  it('lets a <3 line without markers keep those of the < line', () => {
    const [only] = parse('# a', '> X', '< {unordered} *[]', '<3 ~[]');
    const step = only!.steps[1]!;
    expect(step.kind === 'reply' && step.expected['3'].markers.flags.has('unordered')).toBe(true);
  });

  it.each([
    [['> PING'], 1, 'before the first case'],
    [['# a', 'PING'], 2, 'cannot parse'],
    [['# a', '! sometimes 2'], 2, 'unknown directive'],
    [['# a', '! only 4'], 2, 'no protocol'],
    [['# a', '> PING', '<'], 3, 'not recorded'],
    [['# a', '> PING', '< ?'], 3, 'match or any'],
    [['# a', '> PING', '< {unorderd} *[]'], 3, 'unknown marker'],
    [['# a', '<3 _'], 2, 'follows no'],
    [['# a', '> "PING'], 2, 'unterminated'],
    [['# a', '>'], 2, 'without a command'],
    [['# a', '', '# a'], 3, 'a second case'],
  ])('refuses %j', (lines, line, what) => {
    const place = `sample\\.case:${String(line)}: .*${what}`;
    expect(() => parse(...lines)).toThrow(new RegExp(place));
  });
});

describe('arguments', () => {
  it('splits words and both sorts of quotes', () => {
    expect(sent('SET  "a b" "\\x00\\n" \'c\\n${x}\' \'it\\\'s\'')).toEqual([
      'SET', 'a b', '\0\n', 'c\\n${x}', "it's",
    ]);
    expect(() => splitArguments('"a"b')).toThrow('missing space');
    expect(() => splitArguments("'a")).toThrow('unterminated');
  });

  it('expands repetitions, ranges and saved texts', () => {
    expect(sent('${rep:ab:3}x')).toEqual(['abababx']);
    expect(sent('Z ${each:#,m#:1:3}')).toEqual(['Z', '1', 'm1', '2', 'm2', '3', 'm3']);
    expect(sent('${id}-${id}', [['id', '5']])).toEqual(['5-5']);
    expect(() => sent('${nobody}')).toThrow('unknown macro ${nobody}');
  });

  it('expands instants in seconds and milliseconds', () => {
    const [seconds, milliseconds] = sent('${now+100} ${nowms-100}').map(Number);
    expect(Math.abs(seconds! * 1_000 - 100_000 - (milliseconds! + 100))).toBeLessThan(2_000);
  });
});

describe('the corpus', () => {
  const corpus = loadCorpus();
  const everything = { subjects: [], titles: undefined };
  const countOf = (files: typeof corpus): number =>
    files.reduce((count, file) => count + file.cases.length, 0);

  it('parses whole', () => {
    expect(countOf(corpus)).toBe(1_735);
    expect(countOf(chooseCases(corpus, everything))).toBe(1_735);
  });

  it('is chosen from by file, by command and by title', () => {
    const strings = chooseCases(corpus, { subjects: ['strings.case'], titles: undefined });
    expect(strings.map((file) => file.name)).toEqual(['strings']);
    const lcs = chooseCases(corpus, { subjects: ['lcs'], titles: undefined });
    expect(countOf(lcs)).toBeGreaterThan(0);
    for (const entry of lcs.flatMap((file) => file.cases)) {
      expect(commandsOf(entry)).toContain('LCS');
    }
    const none = chooseCases(corpus, { subjects: ['strings'], titles: /no such title/ });
    expect(none).toEqual([]);
    expect(() => chooseCases(corpus, { subjects: ['NOWHERE'], titles: undefined })).toThrow(
      'called "NOWHERE"',
    );
  });
});
