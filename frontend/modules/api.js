// Requests to the API. Error responses become ApiErrors whose message can be shown to the user.

const TOKEN = 'undertext-token';

export class ApiError extends Error {
  /**
   * @param {number} status HTTP status; 0 if there was no response
   * @param {string} field name of the invalid field; empty if the error does not concern a single field
   */
  constructor(status, detail, field = '') {
    super(detail);
    this.status = status;
    this.field = field;
  }
}

let inMemory = ''; // for browsers without session storage: in an embedded page, or with cookies blocked

export const token = {
  get: () => {
    try {
      return sessionStorage.getItem(TOKEN) ?? inMemory;
    } catch {
      return inMemory;
    }
  },
  set: (value) => {
    inMemory = value;
    try {
      sessionStorage.setItem(TOKEN, value);
    } catch {
      // the user has to enter it again after a reload
    }
  },
  /** The query of a socket's URL: browsers cannot send the token in a header there. */
  query: () => (token.get() ? `?token=${encodeURIComponent(token.get())}` : ''),
};

/** Asks the user for the token after a 401; resolves to whether one was entered. Set by the token dialog. */
export const tokenPrompt = { ask: async () => false };

/**
 * @param {boolean} promptForToken whether to prompt for the token on a 401, instead of throwing
 * @returns {Promise<any>} the JSON of the response; null if it is empty
 */
export async function request(path, { method = 'GET', json, signal, promptForToken = true } = {}) {
  let response;
  let text;
  try {
    response = await fetch(path, {
      method,
      signal,
      headers: { ...(json ? { 'Content-Type': 'application/json' } : {}), ...authorization() },
      body: json ? JSON.stringify(json) : undefined,
    });
    text = await response.text();
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, 'The server is not responding. Is it still running?');
  }
  if (response.ok) return parseJson(response.status, text);
  if (response.status === 401 && promptForToken && (await tokenPrompt.ask())) return request(path, { method, json, signal });
  throw toApiError(response.status, text);
}

/** Whether a path exists. Also true if this is unknown, since the error may be temporary. */
export async function exists(path) {
  try {
    await request(path);
    return true;
  } catch (error) {
    return error.status !== 404;
  }
}

/**
 * Upload a form with progress, which fetch cannot report. Prompts for the token first if one is required.
 * @param {(share: number) => void} onProgress from 0 to 1
 */
export async function upload(path, form, onProgress, signal) {
  await ensureToken(signal);
  signal?.throwIfAborted();
  return send(path, form, onProgress, signal);
}

/** Prompt for a required token before a large upload or a long edit, rather than after it was refused. */
export async function ensureToken(signal) {
  const { token_needed: isNeeded } = await about().catch(() => ({})); // the next request will report that the server is down
  if (isNeeded) await checkToken({ signal });
}

/** Whether requests that require the token would succeed. */
export async function hasAccess() {
  const { token_needed: isNeeded } = await about().catch(() => ({}));
  if (!isNeeded) return true;
  try {
    await checkToken({ promptForToken: false });
  } catch (error) {
    return error.status !== 401;
  }
  return true;
}

/** A cheap request that requires the token. @param {object} options of `request` */
export function checkToken(options) {
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
        if (status < 300) resolve(parseJson(status, text));
        else if (status === 401 && (await tokenPrompt.ask())) resolve(checkToken({ signal }).then(() => send(path, form, onProgress, signal)));
        else throw toApiError(status, text);
      } catch (error) {
        reject(error);
      }
    };
    sending.onerror = () => reject(new ApiError(0, 'The upload was interrupted: the server or the network is unavailable.'));
    sending.onabort = () => reject(new DOMException('cancelled', 'AbortError'));
    signal?.addEventListener('abort', () => sending.abort(), { once: true });
    sending.send(form);
  });
}

/** The JSON of a response; null if it is empty. */
function parseJson(status, text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch { // a proxy's page, such as a sign-in page
    throw new ApiError(status, 'A proxy responded instead of the server. Reload the page; you may have to sign in.');
  }
}

/** The error of a response: the detail of its problem+json, or a message with the status. */
export function toApiError(status, text) {
  try {
    const { detail, title, field } = JSON.parse(text);
    if (detail || title) return new ApiError(status, sentence(detail || title), field);
  } catch {
    // a proxy's page, not ours
  }
  return new ApiError(status, `The server responded with status ${status}.`);
}

/** The text as a sentence, with a capital letter and a full stop. */
export function sentence(text) {
  const whole = /[.!?…]$/.test(text) ? text : `${text}.`;
  return whole[0].toUpperCase() + whole.slice(1);
}

function authorization() {
  return token.get() ? { Authorization: `Bearer ${token.get()}` } : {};
}

let aboutRequest = null;

/** The server's limits and its models' languages and tasks, requested once, unless there is a newer answer. */
export function about() {
  aboutRequest ??= request('/about').catch((error) => {
    aboutRequest = null;
    throw error;
  });
  return aboutRequest;
}

/** Request them again, also for later callers of `about`. */
export async function refreshAbout() {
  const answer = await request('/about', { promptForToken: false }); // a proxy may ask for one
  aboutRequest = Promise.resolve(answer);
  return answer;
}
