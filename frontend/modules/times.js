// Times and sizes as people read them. Pure.

const two = (number) => String(number).padStart(2, '0');

/** Time within a recording: 0:05, 12:34, 1:02:03. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Time of day of a Unix time: 14:03:09. */
export function timeOfDay(seconds) {
  const date = new Date(seconds * 1000);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** A Unix time for file names: 2026-11-29 14.03.09. */
export function stamp(seconds) {
  return `${dayOf(seconds)} ${timeOfDay(seconds).replaceAll(':', '.')}`;
}

const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** A Unix time relative to `now`, a Unix time too: today 14:03, 28 Nov 14:03, 28 Nov 2024. */
export function when(seconds, now = Date.now() / 1000) {
  const date = new Date(seconds * 1000);
  const today = new Date(now * 1000);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (date.toDateString() === today.toDateString()) return `today ${time}`;
  return `${DAY.format(date)} ${date.getFullYear() === today.getFullYear() ? time : date.getFullYear()}`;
}

/** The day of a Unix time in the user's time zone: 2026-11-29. */
export function dayOf(seconds) {
  const date = new Date(seconds * 1000);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The Unix time at which a day begins in the user's time zone, or one `daysLater`; empty if the day is. */
export function midnight(day, daysLater = 0) {
  const [year, month, number] = day.split('-').map(Number);
  return day && new Date(year, month - 1, number + daysLater).getTime() / 1000;
}

const WEEKDAY = new Intl.DateTimeFormat('en-GB', { weekday: 'long' });
const DATE = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long' });

/** A day relative to `now`: Sunday 29 November, Friday 29 November 2024. */
export function dateOf(day, now = Date.now() / 1000) {
  const [year, month, number] = day.split('-').map(Number);
  const date = new Date(year, month - 1, number);
  return `${WEEKDAY.format(date)} ${DATE.format(date)}${year === new Date(now * 1000).getFullYear() ? '' : ` ${year}`}`;
}

/** A duration: 8 seconds, 2 min 5 s, 1 h 4 min. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return whole === 1 ? '1 second' : `${whole} seconds`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ''}`;
  const minutes = Math.round((whole % 3600) / 60);
  return minutes === 60 ? `${Math.floor(whole / 3600) + 1} h` : `${Math.floor(whole / 3600)} h${minutes ? ` ${minutes} min` : ''}`;
}

/** A size in bytes: 512 B, 1.4 MB. */
export function size(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let value = bytes;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** A share from 0 to 1 in percent, never 100 % before it is complete. */
export function percent(share) {
  return `${share >= 1 ? 100 : Math.min(99, Math.floor(share * 100))} %`;
}
