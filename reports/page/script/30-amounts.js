// Bytes, counts and times in the words of reports/text/sizes.py.

const DASH = "–";
const AT_MOST = "≤ ";
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

// To so many digits; a tie goes to the even digit, as Python has it.
const rounded = (value, digits) => {
  const scale = 10 ** digits;
  const whole = Math.floor(value * scale);
  const rest = value * scale - whole;
  const up = rest > 0.5 || (rest === 0.5 && whole % 2 === 1);
  return (whole + (up ? 1 : 0)) / scale;
};

const grouped = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ",");

const scaled = (bytes) => {
  if (bytes < 1024) return bytes ? `${bytes} B` : "0";
  let value = bytes;
  let power = 0;
  while (rounded(value, 1) >= 1024 && power < UNITS.length - 1) {
    value /= 1024;
    power += 1;
  }
  const text = rounded(value, 1) >= 100 ? grouped(rounded(value, 0).toFixed(0)) : rounded(value, 1).toFixed(1);
  return `${text} ${UNITS[power]}`;
};

const size = (bytes, bound = false) => (known(bytes) ? (bound && bytes ? AT_MOST : "") + scaled(bytes) : DASH);
const growth = (bytes) => {
  if (!known(bytes)) return DASH;
  return bytes === 0 ? "0" : (bytes > 0 ? "+" : "-") + scaled(Math.abs(bytes));
};
const number = (count) => (known(count) ? grouped(String(count)) : DASH);
const counted = (count, one, many) => `${number(count)} ${count === 1 ? one : many}`;

const minutes = (count) => {
  if (!known(count)) return DASH;
  if (count < 60) return count ? `${count} min` : "< 1 min";
  const hours = Math.floor(count / 60);
  return hours < 24 ? `${hours} h ${count % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
};

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const when = (text) => {
  const moment = new Date(text);
  if (!text || Number.isNaN(moment.getTime())) return text || DASH;
  const clock = moment.toISOString().slice(11, 16);
  return `${moment.getUTCDate()} ${MONTHS[moment.getUTCMonth()]} ${moment.getUTCFullYear()} ${clock} UTC`;
};

// A day of a run, for a table of several.
const day = (text) => {
  const moment = new Date(text);
  if (!text || Number.isNaN(moment.getTime())) return text || DASH;
  return `${WEEKDAYS[moment.getUTCDay()]} ${moment.getUTCDate()} ${MONTHS[moment.getUTCMonth()]} ${moment.toISOString().slice(11, 16)}`;
};
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

const share = (part, whole) => {
  if (!known(part) || !known(whole) || !whole) return DASH;
  const percent = (100 * part) / whole;
  return percent > 0 && percent < 0.5 ? "< 1 %" : `${rounded(percent, 0)} %`;
};

// `30 GiB to 52 GiB`; empty if guesses hardly make a difference, as reports.rows.Range tells it.
const WIDE_PART = 20;
const isWide = (least, most) => (most - least) * WIDE_PART > most;
const span = (least, most, bound) => {
  if (!known(least) || !known(most)) return DASH;
  return isWide(least, most) ? `${size(least, bound)} to ${size(most, bound && !least)}` : "";
};
