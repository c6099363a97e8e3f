// Where a module or a style sheet does not arrive, because the network has changed or the server is started again, the
// page stays empty, and nothing in it can say so. This script, which is none of the modules, does, and loads it again.

const MODULES = 'script[type=module], link[rel=stylesheet]';

/** Time before the page is loaded again; and where that was done already, in milliseconds. */
const SOON_MS = 2000;
const LATER_MS = 30_000;

let isIncomplete = false;

function explain() {
  const words = document.createElement('p');
  words.className = 'empty';
  words.setAttribute('role', 'status');
  words.textContent = 'This page has not arrived whole. It is loaded again as soon as the server answers.';
  document.getElementById('main')?.replaceChildren(words); // an overlay lies upon pictures, and says nothing
}

/** A browser that reloads while the server is away ends at a page of its own. */
async function reload() {
  try {
    const { ok } = await fetch(location.href, { cache: 'no-store' });
    if (ok) location.reload();
  } catch {
    // still away
  }
}

addEventListener('error', ({ target }) => {
  if (isIncomplete || !(target instanceof Element && target.matches(MODULES))) return;
  isIncomplete = true;
  if (document.readyState === 'loading') addEventListener('DOMContentLoaded', explain);
  else explain();
  const [{ type }] = performance.getEntriesByType('navigation');
  setInterval(reload, type === 'reload' ? LATER_MS : SOON_MS);
}, true);
