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

const COUNT = '\\d{1,4}';
const DURATION_TIME = `T(?:${COUNT}H(?:${COUNT}M(?:${COUNT}S)?)?|${COUNT}M(?:${COUNT}S)?|${COUNT}S)`;
const DURATION_DATE = `(?:${COUNT}Y(?:${COUNT}M(?:${COUNT}D)?)?|${COUNT}M(?:${COUNT}D)?|${COUNT}D)`;
const HEX = '[0-9a-f]{1,4}';
const EMAIL = `^[A-Za-z0-9_+\\-]+(?:\\.[A-Za-z0-9_+\\-]+)*@${HOST}$`;
const URI = `^https?:\\/\\/${HOST}(?:\\/[A-Za-z0-9._~\\-]*)*$`;
const BASE64 = '^(?:[A-Za-z0-9+\\/]{4})*(?:[A-Za-z0-9+\\/]{2}==|[A-Za-z0-9+\\/]{3}=)?$';
/** What a person may type: these formats are hints for forms. */
const ANYTHING = '';

export const FORMATS: Readonly<Record<string, string>> = {
  date: `^${DATE}$`,
  time: `^${TIME}$`,
  'date-time': `^${DATE}T${TIME}$`,
  uuid: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
  ipv4: `^${BYTE}(?:\\.${BYTE}){3}$`,
  hostname: `^${HOST}$`,
  ipv6: `^(?:(?:${HEX}:){7}${HEX}|(?:${HEX}:){1,6}:${HEX}|::(?:${HEX}:){0,5}${HEX})$`,
  email: EMAIL,
  uri: URI,
  duration: `^P(?:${COUNT}W|${DURATION_DATE}(?:${DURATION_TIME})?|${DURATION_TIME})$`,
  byte: BASE64,
  'idn-hostname': `^${HOST}$`,
  'idn-email': EMAIL,
  url: URI,
  iri: URI,
  'uri-reference': URI,
  'iri-reference': URI,
  password: ANYTHING,
  path: ANYTHING,
  'file-path': ANYTHING,
  'directory-path': ANYTHING,
};

const integers = (bits: number, signed: boolean): [number, number] =>
  signed ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];

/** Bounds of OpenAPI's formats of numbers, and of those that Rust's schemas have. Numbers of 15 digits keep to all bounds that are null. */
export const NUMBER_FORMATS: Readonly<Record<string, readonly [number | null, number | null]>> = {
  int8: integers(8, true),
  int16: integers(16, true),
  int32: integers(32, true),
  int64: [null, null],
  int: [null, null],
  uint8: integers(8, false),
  uint16: integers(16, false),
  uint32: integers(32, false),
  uint64: [0, null],
  uint: [0, null],
  float: [null, null],
  double: [null, null],
};
