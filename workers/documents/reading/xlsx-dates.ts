/** Excel stores a date as a number of days; only the format of its cell says that it is a date. */
import { parseXml } from './xml.ts';

const STYLES = 'xl/styles.xml';
const DAY_MS = 86_400_000;
/** 30 December 1899: Excel counts a 29 February 1900 that never was, so days from March 1900 on are right. */
const EPOCH_MS = Date.UTC(1899, 11, 30);
/** Days between the epochs of Excel for Windows and for old Macs. */
const DAYS_TO_1904 = 1_462;

/** Built-in number formats that show a date or a time (ECMA-376 part 1, 18.8.30); 27 to 36 and 50 to 58 are East Asian dates. */
const isDateFormat = (id: number): boolean =>
  (id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 45 && id <= 47) || (id >= 50 && id <= 58);

/** True for a format code with letters of a date outside of quotes, escapes and brackets. */
const isDateCode = (code: string): boolean => /[ymdhs]/i.test(code.replace(/"[^"]*"|\\.|\[[^\]]*\]|_.|General/gi, ''));

/** Indices of cell styles (attribute `s`) that show dates or times. */
export function dateStyles(name: string, files: ReadonlyMap<string, Uint8Array>): Set<number> {
  const styles = new Set<number>();
  if (!files.has(STYLES)) return styles;
  const custom = new Set<number>();
  let index = -1;
  parseXml(name, STYLES, files.get(STYLES), {
    open(element, { numFmtId, formatCode }) {
      const id = Number(numFmtId);
      if (element === 'numFmt' && isDateCode(formatCode ?? '')) custom.add(id);
      else if (element === 'cellXfs') index = 0;
      else if (element === 'xf' && index >= 0) {
        if (isDateFormat(id) || custom.has(id)) styles.add(index);
        index++;
      }
    },
    close(element) {
      if (element === 'cellXfs') index = -1;
    },
  });
  return styles;
}

/** `2026-11-30`, `2026-11-30 14:05`, or `14:05` for less than a day. A number that is no date stays as it is. */
export function dateText(days: number, from1904: boolean): string {
  const ms = EPOCH_MS + (days + (from1904 ? DAYS_TO_1904 : 0)) * DAY_MS;
  if (!Number.isFinite(days) || days < 0 || days > 2_958_466) return String(days);
  const [date, time] = new Date(Math.round(ms / 1000) * 1000).toISOString().slice(0, 16).split('T') as [string, string];
  if (days < 1) return time;
  return Number.isInteger(days) ? date : `${date} ${time}`;
}
