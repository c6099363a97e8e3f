// Validates socket messages: `decode` returns a frozen message or throws a MessageError.

export class MessageError extends Error {}

const object = (value) => value !== null && typeof value === 'object';
const text = (value) => typeof value === 'string';
const number = (value) => Number.isFinite(value);
const whole = (value) => Number.isInteger(value) && value >= 0;

/** Required fields of each type; others are allowed. */
const FIELDS = {
  caption: { source: text, id: whole, revision: whole, event: whole, start_s: number, end_s: number, text },
  correction: { source: text, caption: object },
  status: { source: text, state: text },
  missed: { count: whole, after: whole },
  end: { source: text },
  reset: { source: text },
  interrupted: { source: text },
  resumed: { source: text },
  ready: { id: text, source: text },
  error: { status: whole, detail: text },
  note: { detail: text },
};

/** @param {string} data as received */
export function decode(data) {
  let message;
  try {
    message = JSON.parse(data);
  } catch (error) {
    throw new MessageError(`not JSON: ${error.message}`);
  }
  if (message === null || typeof message !== 'object' || !text(message.type)) {
    throw new MessageError('a message has no type');
  }
  const fields = Object.hasOwn(FIELDS, message.type) ? FIELDS[message.type] : {}; // a newer server may send other types
  for (const [name, fits] of Object.entries(fields)) {
    if (!fits(message[name])) throw new MessageError(`${message.type}.${name} is invalid`);
  }
  return Object.freeze(message);
}
