/** Names of tools for people. A tool of another version goes by the name that the model knows. */
import { t } from '../../i18n/i18n.svelte.ts';

const NAMED = ['calculator', 'date_time', 'convert_units', 'search_documents'] as const;
type Named = (typeof NAMED)[number];
const isNamed = (name: string): name is Named => NAMED.some((named) => named === name);

export const titleOf = (name: string): string => (isNamed(name) ? t(`tool:${name}`) : name);
export const hintOf = (name: string): string => (isNamed(name) ? t(`toolHint:${name}`) : '');

const PARTS = [
  'expression',
  'time_zone',
  'date',
  'add_days',
  'weekday',
  'time',
  'utc_offset',
  'days_from_today',
  'value',
  'from',
  'to',
  'unit',
  'query',
  'passages',
  'document',
  'page',
  'part',
  'slide',
  'sheet',
  'chapter',
  'text',
  'error',
] as const;
type Part = (typeof PARTS)[number];
const isPart = (name: string): name is Part => PARTS.some((part) => part === name);

/** Name of an argument, or of a part of a result. */
export const partTitle = (name: string): string => (isPart(name) ? t(`toolPart:${name}`) : name);
