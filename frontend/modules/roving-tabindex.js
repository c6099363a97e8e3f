// A single Tab stop for the controls of all lines of a list; arrow keys, Home and End move between them (roving tabindex:
// https://www.w3.org/WAI/ARIA/apg/practices/keyboard-interface/#kbd_roving_tabindex).
//
// A list may have thousands of lines, some of which change every few seconds: only these and their neighbours are examined.

const NEXT = 'nextElementSibling';
const PREVIOUS = 'previousElementSibling';

const HELP = 'Press Tab to reach the controls of one line, and the arrow keys to reach those of the others.';

/** Controls are children of lines; those with the same element name are of the same kind. Create them with tabindex -1. */
export class RovingTabindex {
  #list;
  #controls;
  #stop = null; // the control that is the Tab stop
  #kind = ''; // kind of the last focused control; empty until one was focused
  #preferred = null; // the line that has the stop until then

  /**
   * @param {Element} list whose children are the lines; it is focusable itself
   * @param {string} controls selector of the controls that are visible while the list is
   */
  constructor(list, controls) {
    this.#list = list;
    this.#controls = controls;
    list.addEventListener('focusin', ({ target }) => this.#onFocus(target));
    list.addEventListener('keydown', (event) => this.#onKeydown(event));
  }

  /** Put the stop at a line, or else at the newest one with controls, unless a control has been focused already. */
  prefer(line) {
    this.#preferred = line;
    if (this.#stop && this.#kind) return;
    this.#put((line && this.#of(line)[0]) ?? this.#find(this.#list.lastElementChild, PREVIOUS));
  }

  /**
   * Change, insert or remove a line. If that removes the stop or the focus, a neighbouring control gets it.
   * @param {Element} line
   * @param {() => void} apply makes the change
   */
  change(line, apply) {
    const { nextElementSibling: next, previousElementSibling: previous } = line;
    const [wasStop, wasFocused] = [this.#stop, document.activeElement].map((each) => line.contains(each));
    apply();
    const isStopLost = wasStop && !this.#has(this.#stop);
    const focused = document.activeElement;
    const isFocusLost = wasFocused && (focused === document.body || (isStopLost && focused === this.#stop));
    if (isStopLost || isFocusLost) {
      this.#put(this.#of(line)[0] ?? this.#find(next, NEXT) ?? this.#find(previous, PREVIOUS));
      if (isFocusLost) (this.#stop ?? this.#list).focus({ preventScroll: true }); // the user may be reading other lines
    } else this.#offer(line);
  }

  /** Change the controls of any number of lines at once. */
  changeAll(apply) {
    if (this.#stop) this.change(this.#stop.parentElement, apply);
    else {
      apply();
      this.prefer(this.#preferred);
    }
  }

  /** All lines are about to be replaced. */
  clear() {
    if (this.#list.contains(document.activeElement)) this.#list.focus({ preventScroll: true });
    this.#put(null);
    this.#kind = '';
    this.#preferred = null;
  }

  /** Whether an element is a control in the list, and visible while the list is. */
  #has(element) {
    return this.#list.contains(element) && element.matches(this.#controls);
  }

  #of(line) {
    return [...line.children].filter((child) => this.#has(child));
  }

  /** The nearest control of the last focused kind, in a line or beyond it in a direction, or else the nearest of any kind. */
  #find(line, direction) {
    let other = null;
    for (let at = line; at; at = at[direction]) {
      const controls = this.#of(at);
      const same = controls.find(({ localName }) => localName === this.#kind);
      if (same) return same;
      other ??= controls[0] ?? null;
      if (other && !this.#kind) break;
    }
    return other;
  }

  /** Put the stop at a line if there is none, or if it is the last line and no control has been focused yet. */
  #offer(line) {
    const [control] = this.#of(line);
    if (!control) return;
    const isLast = () => !this.#kind && !this.#preferred?.isConnected && !this.#find(line.nextElementSibling, NEXT);
    if (!this.#stop || isLast()) this.#put(control);
  }

  #put(control) {
    if (control === this.#stop) return;
    if (this.#stop?.hasAttribute('tabindex')) this.#stop.tabIndex = -1; // an element that is no longer a control has no tabindex
    if (control) control.tabIndex = 0;
    if (!control) this.#list.removeAttribute('aria-description');
    else if (!this.#stop) this.#list.setAttribute('aria-description', HELP);
    this.#stop = control;
  }

  #onFocus(element) {
    if (!this.#has(element)) return;
    this.#kind = element.localName;
    this.#put(element);
  }

  #onKeydown(event) {
    const { key, target } = event;
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || !this.#has(target)) return;
    const line = target.parentElement;
    const controls = this.#of(line);
    const at = controls.indexOf(target);
    const targets = {
      ArrowUp: () => this.#find(line.previousElementSibling, PREVIOUS),
      ArrowDown: () => this.#find(line.nextElementSibling, NEXT),
      ArrowLeft: () => controls[at - 1],
      ArrowRight: () => controls[at + 1],
      Home: () => this.#find(this.#list.firstElementChild, NEXT),
      End: () => this.#find(this.#list.lastElementChild, PREVIOUS),
    };
    const control = targets[key]?.();
    if (!control) return;
    event.preventDefault(); // the default would also scroll the list
    control.focus();
  }
}
