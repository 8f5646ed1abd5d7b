import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { checkConstraint } from '../../workers/engine/constraint/constraint.ts';
import type { DocumentHead } from '../../workers/shared/library-types.ts';
import type { Constraint } from '../../workers/shared/protocol.ts';
import { converted } from './convert-units.ts';
import { dateTimeAt } from './date-time.ts';
import { TOOLS, toolsNamed } from './registry.ts';
import { searchDocumentsIn } from './search-documents.ts';
import type { ToolContext } from './tool.ts';

const context: ToolContext = { signal: new AbortController().signal };

describe('the tools', () => {
  it.each(TOOLS.map((tool) => [tool.name, tool] as const))(
    '%s: its arguments can be guaranteed',
    (_, { parameters }) => {
      const schema: Constraint = { kind: 'json', schema: parameters };
      expect(() => checkConstraint(schema)).not.toThrow();
      expect(() => new Ajv2020({ strict: false, validateFormats: false }).compile(parameters as object)).not.toThrow();
    },
  );

  it('are found by name, and an unknown name is left out', () => {
    expect(toolsNamed(['date_time', 'of-a-later-version']).map(({ name }) => name)).toEqual(['date_time']);
  });
});

describe('search in my documents', () => {
  const head: DocumentHead = {
    ...{ id: 'd', name: 'sea.pdf', folder: '', kind: 'pdf', unit: 'page', pageCount: 9, gaps: [], bytes: 1, tokens: 1 },
    addedAt: 1,
  };
  const passage = { page: 3, start: 0, end: 4, text: 'Tea.', quote: 'Tea.', score: 1 };
  const asked: unknown[] = [];
  const tool = (heads: DocumentHead[]) =>
    searchDocumentsIn(() =>
      Promise.resolve({
        list: () => Promise.resolve(heads),
        search: (...args) => {
          asked.push(args);
          return Promise.resolve([
            { ...passage, document: 'd' },
            { ...passage, document: 'deleted' },
          ]);
        },
      }),
    );

  it('gives passages with document and page, of documents that are there', async () => {
    expect(await tool([head]).run({ query: 'tea' }, context)).toEqual({
      passages: [{ document: 'sea.pdf', page: 3, text: 'Tea.' }],
    });
    expect(asked).toEqual([['tea', null, 4]]);
  });

  it('says that there are no documents', async () => {
    await expect(tool([]).run({ query: 'tea' }, context)).rejects.toThrow('no documents');
  });
});

describe('convert units', () => {
  it.each<[number, string, string, string]>([
    [1, 'mile', 'km', '1.609344'],
    [100, 'celsius', 'fahrenheit', '212'],
    [-40, 'fahrenheit', 'celsius', '-40'],
    [0, 'kelvin', 'celsius', '-273.15'],
    [1, 'GiB', 'MB', '1073.741824'],
    [100, 'km/h', 'm/s', '27.7777777778'],
    [1, 'tsubo', 'm2', '3.30578512397'],
    [5, 'foot', 'inch', '60'],
    [1, 'imperial_gallon', 'us_gallon', '1.2009499255'],
    [1e-30, 'mm', 'km', '1e-36'],
    [0, 'mile', 'm', '0'],
  ])('%d %s = %s', (value, from, to, result) => expect(converted(value, from, to)).toBe(result));

  it.each<[number, string, string, string]>([
    [1, 'kg', 'm', 'kg is a unit of mass, but m is one of length'],
    [1, 'furlong', 'm', '"furlong" is not a known unit'],
    [-300, 'celsius', 'kelvin', 'below absolute zero'],
  ])('%d %s to %s is refused', (value, from, to, message) => expect(() => converted(value, from, to)).toThrow(message));
});

describe('date and time', () => {
  const tool = dateTimeAt(() => new Date('2026-11-30T23:30:05Z'));
  it.each<[object, object]>([
    [
      { time_zone: 'UTC' },
      { date: '2026-11-30', weekday: 'Monday', time: '23:30:05', utc_offset: '+00:00', time_zone: 'UTC' },
    ],
    [{ time_zone: 'Asia/Tokyo' }, { date: '2026-12-01', weekday: 'Tuesday', time: '08:30:05', utc_offset: '+09:00' }],
    [{ time_zone: 'America/St_Johns' }, { date: '2026-11-30', time: '20:00:05', utc_offset: '-03:30' }],
    [
      { time_zone: 'UTC', add_days: 100 },
      { date: '2027-03-10', weekday: 'Wednesday', days_from_today: 100 },
    ],
    [
      { time_zone: 'UTC', date: '2026-12-25' },
      { date: '2026-12-25', weekday: 'Friday', days_from_today: 25 },
    ],
    [
      { time_zone: 'Asia/Tokyo', date: '2024-02-28', add_days: 2 },
      { date: '2024-03-01', days_from_today: -1005 },
    ],
  ])('%j', (args, result) => expect(tool.run(args as Record<string, unknown>, context)).toMatchObject(result));

  it.each<[object, string]>([
    [{ time_zone: 'Mars/Base' }, '"Mars/Base" is not a known time zone'],
    [{ date: '2026-02-30' }, '"2026-02-30" is not a date'],
    [{ date: 'tomorrow' }, 'is not a date'],
    [{ add_days: 1e9 }, 'must lie between'],
  ])('%j is refused', (args, message) =>
    expect(() => tool.run(args as Record<string, unknown>, context)).toThrow(message),
  );
});
