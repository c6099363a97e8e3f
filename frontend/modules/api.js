// Requests to the API. A refusal becomes an ApiError whose text is fit to show.

const TOKEN = 'undertext-token';

export class ApiError extends Error {
  /**
   * @param {number} status of HTTP; 0 if no answer came
   * @param {string} field of the request that is wrong; empty if it is not one
   */
  constructor(status, detail, field = '') {
    super(detail);
    this.status = status;
    this.field = field;
  }
}

let held = ''; // lasts as long as the page, where a browser keeps nothing for it: it stands in another, or cookies are blocked

export const token = {
  get: () => {
    try {
      return sessionStorage.getItem(TOKEN) ?? held;
    } catch {
      return held;
    }
  },
  set: (value) => {
    held = value;
    try {
      sessionStorage.setItem(TOKEN, value);
    } catch {
      // it is asked for again when the page is loaded again
    }
  },
  /** What a socket's address ends with: no header can carry the token. */
  query: () => (token.get() ? `?token=${encodeURIComponent(token.get())}` : ''),
};

/** What to do about a 401: ask for the token; resolves to whether there is a new one. Set by the token dialog. */
export const gate = { ask: async () => false };

/**
 * @param {boolean} asks whether the user is asked for the token where it is needed, or the refusal is thrown
 * @returns {Promise<any>} the JSON of an answer, or null if it has none
 */
export async function request(path, { method = 'GET', json, signal, asks = true } = {}) {
  let answer;
  let text;
  try {
    answer = await fetch(path, {
      method,
      signal,
      headers: { ...(json ? { 'Content-Type': 'application/json' } : {}), ...authorization() },
      body: json ? JSON.stringify(json) : undefined,
    });
    text = await answer.text();
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, 'The server does not answer. Is it still running?');
  }
  if (answer.ok) return parsed(answer.status, text);
  if (answer.status === 401 && asks && (await gate.ask())) return request(path, { method, json, signal });
  throw refusal(answer.status, text);
}

/** Whether there is something at a path; true, too, where nobody knows: what is wrong may pass. */
export async function exists(path) {
  try {
    await request(path);
    return true;
  } catch (error) {
    return error.status !== 404;
  }
}

/**
 * Upload a form with progress, which fetch cannot tell. Where a token is needed, it is asked for first.
 * @param {(share: number) => void} onProgress from 0 to 1
 */
export async function upload(path, form, onProgress, signal) {
  await admit(signal);
  signal?.throwIfAborted();
  return send(path, form, onProgress, signal);
}

/** Have the token, where one is needed, before anything large is sent or written: it would be refused when it is done. */
export async function admit(signal) {
  const { token_needed: isNeeded } = await about().catch(() => ({})); // what follows will say that the server is away
  if (isNeeded) await check({ signal });
}

/** Whether what needs the token can be done: with one that is not right, it cannot. */
export async function isAdmitted() {
  const { token_needed: isNeeded } = await about().catch(() => ({}));
  if (!isNeeded) return true;
  try {
    await check({ asks: false });
  } catch (error) {
    return error.status !== 401;
  }
  return true;
}

/** A cheap request that needs the token, with the options of any other. */
export function check(options) {
  return request('/jobs?limit=1', options);
}

function send(path, form, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open('POST', path);
    for (const [name, value] of Object.entries(authorization())) sending.setRequestHeader(name, value);
    sending.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    sending.onload = async () => {
      const { status, responseText: text } = sending;
      try {
        if (status < 300) resolve(parsed(status, text));
        else if (status === 401 && (await gate.ask())) resolve(check({ signal }).then(() => send(path, form, onProgress, signal)));
        else throw refusal(status, text);
      } catch (error) {
        reject(error);
      }
    };
    sending.onerror = () => reject(new ApiError(0, 'The upload broke off: the server or the network is gone.'));
    sending.onabort = () => reject(new DOMException('cancelled', 'AbortError'));
    signal?.addEventListener('abort', () => sending.abort(), { once: true });
    sending.send(form);
  });
}

/** The JSON of an answer; null, if it is empty. */
function parsed(status, text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch { // a proxy's page, such as one to sign in
    throw new ApiError(status, 'Something in between answers in the place of the server. Load the page again: it may ask you to sign in.');
  }
}

/** The error of an answer: the sentence of a problem+json, or one that names the status. */
export function refusal(status, text) {
  try {
    const { detail, title, field } = JSON.parse(text);
    if (detail || title) return new ApiError(status, sentence(detail || title), field);
  } catch {
    // a proxy's page, not ours
  }
  return new ApiError(status, `The server answered ${status}.`);
}

/** Text with a capital letter and a full stop. */
export function sentence(text) {
  const whole = /[.!?…]$/.test(text) ? text : `${text}.`;
  return whole[0].toUpperCase() + whole.slice(1);
}

function authorization() {
  return token.get() ? { Authorization: `Bearer ${token.get()}` } : {};
}

let known = null;

/** The server's limits, and its models' languages and tasks, asked once. */
export function about() {
  known ??= request('/about').catch((error) => {
    known = null;
    throw error;
  });
  return known;
}
