// If a module fails to load, because the network changed or the server is restarting, the page stays empty and no module
// can report it. This classic script shows a message and reloads the page. A style sheet that fails to load is requested
// again by itself, because the page works without it. If the modules load but an old browser cannot run them, the message
// lists the supported browsers.

/** Delay before a reload, in milliseconds: the first time, and once the page has already been reloaded. */
const SOON_MS = 2000;
const LATER_MS = 30_000;

const INCOMPLETE = 'Part of this page failed to load. It will reload as soon as the server responds.';
const TOO_OLD = 'This browser is too old for this page. Use Safari 15.4, Chrome 108, Firefox 121 or newer.';

let isIncomplete = false;

function explain(text) {
  const message = document.createElement('p');
  message.className = 'empty';
  message.setAttribute('role', 'status');
  message.textContent = text;
  document.getElementById('main')?.replaceChildren(message); // an overlay has no #main: it must not cover the picture
}

/** Whether no module has rendered anything yet. */
const isEmpty = () => !document.querySelector('main > :not(noscript)');

/** Waits for the server first: reloading while it is down would end on the browser's own error page. */
async function reload(pauseMs) {
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
  try {
    const { ok } = await fetch(location.href, { cache: 'no-store' });
    if (ok) location.reload();
  } catch {
    // still unreachable
  }
  reload(pauseMs);
}

function replace(sheet) {
  const retry = document.createElement('link');
  retry.rel = 'stylesheet';
  retry.href = sheet.href;
  retry.dataset.retry = '';
  sheet.replaceWith(retry);
}

addEventListener('error', ({ target }) => {
  if (target === window && isEmpty()) explain(TOO_OLD);
  if (!(target instanceof Element)) return;
  if (target.matches('link[rel=stylesheet]:not([data-retry])')) setTimeout(replace, SOON_MS, target);
  if (!target.matches('script[type=module]') || isIncomplete) return;
  isIncomplete = true;
  if (document.readyState === 'loading') addEventListener('DOMContentLoaded', () => explain(INCOMPLETE));
  else explain(INCOMPLETE);
  const [{ type }] = performance.getEntriesByType('navigation');
  reload(type === 'reload' ? LATER_MS : SOON_MS);
}, true);
