// Where a module does not arrive, because the network has changed or the server is started again, the page stays empty,
// and nothing in it can say so. This script, which is none of the modules, does, and loads it again. A style sheet that
// does not arrive is asked for again by itself: without it the page works. Where the modules arrive and cannot be run, in an
// old browser, it says which are not too old.

/** Time before another try; and where the page was loaded again already, in milliseconds. */
const SOON_MS = 2000;
const LATER_MS = 30_000;

const INCOMPLETE = 'This page has not arrived whole. It is loaded again as soon as the server answers.';
const TOO_OLD = 'This page cannot be shown in this browser. It can in Safari from 15.4, Chrome from 108 and Firefox from 121 on.';

let isIncomplete = false;

function explain(why) {
  const words = document.createElement('p');
  words.className = 'empty';
  words.setAttribute('role', 'status');
  words.textContent = why;
  document.getElementById('main')?.replaceChildren(words); // an overlay lies upon pictures, and says nothing
}

/** Whether no module has shown anything. */
const isEmpty = () => !document.querySelector('main > :not(noscript)');

/** A browser that reloads while the server is away ends at a page of its own. */
async function reload(pauseMs) {
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
  try {
    const { ok } = await fetch(location.href, { cache: 'no-store' });
    if (ok) location.reload();
  } catch {
    // still away
  }
  reload(pauseMs);
}

function replace(sheet) {
  const again = document.createElement('link');
  again.rel = 'stylesheet';
  again.href = sheet.href;
  again.dataset.again = '';
  sheet.replaceWith(again);
}

addEventListener('error', ({ target }) => {
  if (target === window && isEmpty()) explain(TOO_OLD);
  if (!(target instanceof Element)) return;
  if (target.matches('link[rel=stylesheet]:not([data-again])')) setTimeout(replace, SOON_MS, target);
  if (!target.matches('script[type=module]') || isIncomplete) return;
  isIncomplete = true;
  if (document.readyState === 'loading') addEventListener('DOMContentLoaded', () => explain(INCOMPLETE));
  else explain(INCOMPLETE);
  const [{ type }] = performance.getEntriesByType('navigation');
  reload(type === 'reload' ? LATER_MS : SOON_MS);
}, true);
