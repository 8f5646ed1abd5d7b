/** A JSON answer as files for other programs. */

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const rowsOf = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : [value as Json]);

/** A line for each entry of a list; one line for anything else. */
export const toJsonLines = (value: unknown): string =>
  rowsOf(value)
    .map((row) => `${JSON.stringify(row)}\n`)
    .join('');

/**
 * A row for each entry of a list and a column for each key, in the order in which they first come; an entry that is not
 * an object goes into the column `value`. Lists and objects inside of a cell stay JSON. RFC 4180, with a byte order
 * mark, without which Excel takes UTF-8 for something else.
 */
export function toCsv(value: unknown): string {
  const rows = rowsOf(value).map((row) => (isObject(row) ? row : { value: row }));
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [columns, ...rows.map((row) => columns.map((column) => row[column]))];
  return `\ufeff${lines.map((line) => `${line.map(cell).join(',')}\r\n`).join('')}`;
}

const isObject = (value: Json): value is { [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function cell(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  // A spreadsheet runs text that begins like a formula. An apostrophe in front keeps the model's text a text.
  const text = typeof value === 'string' ? value.replace(/^[=+\-@\t\r]/, "'$&") : JSON.stringify(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
