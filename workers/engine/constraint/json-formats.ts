/**
 * `format`s that are enforced, as patterns. Every text that a pattern allows has the format, but some texts of the
 * format are left out: February ends on the 28th.
 */

const DATE =
  '\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))';
const TIME = '(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,6})?(?:Z|[+\\-](?:[01]\\d|2[0-3]):[0-5]\\d)';
const BYTE = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const LABEL = '[a-z0-9](?:[a-z0-9\\-]{0,20}[a-z0-9])?';
const HOST = `${LABEL}(?:\\.${LABEL}){1,4}`;

export const FORMATS: Readonly<Record<string, string>> = {
  date: `^${DATE}$`,
  time: `^${TIME}$`,
  'date-time': `^${DATE}T${TIME}$`,
  uuid: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
  ipv4: `^${BYTE}(?:\\.${BYTE}){3}$`,
  hostname: `^${HOST}$`,
  email: `^[A-Za-z0-9_+\\-]+(?:\\.[A-Za-z0-9_+\\-]+)*@${HOST}$`,
  uri: `^https?:\\/\\/${HOST}(?:\\/[A-Za-z0-9._~\\-]*)*$`,
};
