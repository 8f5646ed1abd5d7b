import type { Tool } from './tool.ts';

const DAY_MS = 86_400_000;
const MOST_DAYS = 1_000_000;
const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;

/** The date and time now, or a date counted from another. `now`: for tests. */
export const dateTimeAt = (now: () => Date): Tool => ({
  name: 'date_time',
  description:
    'Gives the current date, weekday and time. With "date" or "add_days" it gives the weekday of another date and how many days away it is.',
  parameters: {
    type: 'object',
    properties: {
      time_zone: {
        type: 'string',
        pattern: '^[A-Za-z]+([_+/-][A-Za-z0-9]+)*$',
        maxLength: 40,
        description: 'An IANA time zone such as "Asia/Tokyo". Leave it out for the local one.',
      },
      date: { type: 'string', format: 'date', description: 'Another date, as YYYY-MM-DD' },
      add_days: { type: 'integer', minimum: -MOST_DAYS, maximum: MOST_DAYS, description: 'Days to add to the date' },
    },
    additionalProperties: false,
  },
  run(args) {
    const zone = zoneOf(typeof args['time_zone'] === 'string' ? args['time_zone'] : undefined);
    const moment = now();
    const clock = clockIn(zone, moment);
    const { year, month, day, hour, minute, second } = clock;
    const today = Date.UTC(year, month - 1, day);
    const from = typeof args['date'] === 'string' ? dayOf(args['date']) : today;
    const added = typeof args['add_days'] === 'number' ? Math.trunc(args['add_days']) : 0;
    if (Math.abs(added) > MOST_DAYS) throw new Error(`"add_days" must lie between -${MOST_DAYS} and ${MOST_DAYS}.`);
    const asked = from + added * DAY_MS;
    const isNow = args['date'] === undefined && added === 0;
    return {
      date: dateText(asked),
      weekday: WEEKDAYS[new Date(asked).getUTCDay()],
      ...(isNow && { time: `${two(hour)}:${two(minute)}:${two(second)}`, utc_offset: offsetText(clock, moment) }),
      time_zone: zone,
      ...(!isNow && { days_from_today: Math.round((asked - today) / DAY_MS) }),
    };
  },
});

export const dateTime = dateTimeAt(() => new Date());

const two = (value: number): string => String(value).padStart(2, '0');

/** The zone's own name; undefined: the local one. */
function zoneOf(zone: string | undefined): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone;
  } catch (cause) {
    throw new Error(`"${zone}" is not a known time zone. Use an IANA name such as "Europe/Berlin".`, { cause });
  }
}

function clockIn(timeZone: string, moment: Date) {
  const format = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  const parts = new Map(format.formatToParts(moment).map(({ type, value }) => [type, Number(value)]));
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
  return {
    year: part('year'),
    month: part('month'),
    day: part('day'),
    hour: part('hour'),
    minute: part('minute'),
    second: part('second'),
  };
}

/** "+09:00" */
function offsetText({ year, month, day, hour, minute, second }: ReturnType<typeof clockIn>, moment: Date): string {
  const local = Date.UTC(year, month - 1, day, hour, minute, second);
  const minutes = Math.round((local - Math.floor(moment.getTime() / 1000) * 1000) / 60_000);
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

function dayOf(date: string): number {
  const [, year, month, day] = DATE.exec(date) ?? [];
  const time = new Date(0).setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (Number.isNaN(time) || dateText(time) !== date)
    throw new Error(`"${date}" is not a date. Write it as YYYY-MM-DD.`);
  return time;
}

const dateText = (time: number): string => new Date(time).toISOString().slice(0, -'T00:00:00.000Z'.length);
