/** Figures for people. Sizes are decimal (MB = 10^6 bytes), as browsers and hubs show them. */
const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

/** `98362432` -> `98 MB`; one decimal below 10. */
export function formatBytes(bytes: number, language: string): string {
  let unit = 0;
  let value = bytes;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${formatNumber(value, language, unit > 0 && value < 9.95 ? 1 : 0)} ${UNITS[unit]}`;
}

export function formatNumber(value: number, language: string, digits = 0): string {
  return new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(
    value,
  );
}

/** Milliseconds below a second, seconds with a decimal below ten, minutes from 90 s on. */
export function formatDuration(ms: number, language: string): string {
  if (ms < 999.5) return unit(Math.round(ms), 'millisecond', language);
  if (ms < 9_950) return unit(ms / 1000, 'second', language, 1);
  if (ms < 90_000) return unit(Math.round(ms / 1000), 'second', language);
  return unit(Math.round(ms / 60_000), 'minute', language);
}

/** Whole seconds or minutes: an estimate has no decimals. */
export function formatTimeLeft(seconds: number, language: string): string {
  return seconds < 90
    ? unit(Math.ceil(seconds), 'second', language)
    : unit(Math.round(seconds / 60), 'minute', language);
}

function unit(value: number, name: 'millisecond' | 'second' | 'minute', language: string, digits = 0): string {
  return new Intl.NumberFormat(language, {
    style: 'unit',
    unit: name,
    unitDisplay: 'short',
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value);
}

/** Tokens a second: a decimal below 100. */
export function formatRate(perSecond: number, language: string): string {
  return formatNumber(perSecond, language, perSecond < 99.95 ? 1 : 0);
}

/** Tokens a second in a sentence: whole from ten on. */
export function formatPace(perSecond: number, language: string): string {
  return formatNumber(perSecond, language, perSecond < 9.95 ? 1 : 0);
}

export type Age = 'today' | 'yesterday' | 'week' | 'older';

/** Which heading of the conversation list a moment belongs under, by the days of the local calendar. */
export function ageOf(time: number, now: number): Age {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  if (time >= midnight) return 'today';
  const yesterday = new Date(midnight);
  yesterday.setDate(yesterday.getDate() - 1);
  if (time >= yesterday.getTime()) return 'yesterday';
  const week = new Date(midnight);
  week.setDate(week.getDate() - 7);
  return time >= week.getTime() ? 'week' : 'older';
}
