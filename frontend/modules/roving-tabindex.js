// One Tab stop for the controls of all lines of a list; arrow keys, Home and End go from one to another. A roving tabindex:
// https://www.w3.org/WAI/ARIA/apg/practices/keyboard-interface/#kbd_roving_tabindex
//
// Of thousands of lines, some come, change and go every few seconds: only they are looked at then, and their neighbours.

const NEXT = 'nextElementSibling';
const PREVIOUS = 'previousElementSibling';

const HELP = 'Tab goes to the controls of one line, arrow keys to those of the others.';

/** Controls are children of lines, and those of one element name are of one kind. All are to be made with a tabindex of -1. */
export class RovingTabindex {
  #list;
  #controls;
  #stop = null; // the control that Tab goes to
  #kind = ''; // of the control that the reader was at last; none, as long as that was nowhere
  #preferred = null; // the line where the stop is until then

  /**
   * @param {Element} list whose children are the lines; it can have the focus itself
   * @param {string} controls a selector of those that can be seen while the list can
   */
  constructor(list, controls) {
    this.#list = list;
    this.#controls = controls;
    list.addEventListener('focusin', ({ target }) => this.#reached(target));
    list.addEventListener('keydown', (event) => this.#pressed(event));
  }

  /** Have the stop at a line, or at the newest one that has controls, as long as the reader was nowhere. */
  prefer(line) {
    this.#preferred = line;
    if (this.#stop && this.#kind) return;
    this.#put((line && this.#of(line)[0]) ?? this.#find(this.#list.lastElementChild, PREVIOUS));
  }

  /**
   * Change a line, put it in, or take it away. If the stop, or the focus, goes with that, it goes to what is beside it.
   * @param {Element} line
   * @param {() => void} how
   */
  change(line, how) {
    const { nextElementSibling: next, previousElementSibling: previous } = line;
    const [wasStop, wasFocused] = [this.#stop, document.activeElement].map((each) => line.contains(each));
    how();
    const isLeft = wasStop && !this.#has(this.#stop);
    const focused = document.activeElement;
    const isLost = wasFocused && (focused === document.body || (isLeft && focused === this.#stop));
    if (isLeft || isLost) {
      this.#put(this.#of(line)[0] ?? this.#find(next, NEXT) ?? this.#find(previous, PREVIOUS));
      if (isLost) (this.#stop ?? this.#list).focus({ preventScroll: true }); // the reader may look at other lines
    } else this.#offer(line);
  }

  /** Change the controls of any lines at once. */
  changeAll(how) {
    if (this.#stop) this.change(this.#stop.parentElement, how);
    else {
      how();
      this.prefer(this.#preferred);
    }
  }

  /** All lines are about to go, for others. */
  clear() {
    if (this.#list.contains(document.activeElement)) this.#list.focus({ preventScroll: true });
    this.#put(null);
    this.#kind = '';
    this.#preferred = null;
  }

  /** Whether something is a control, and can be seen while the list can. */
  #has(element) {
    return this.#list.contains(element) && element.matches(this.#controls);
  }

  #of(line) {
    return [...line.children].filter((child) => this.#has(child));
  }

  /** The nearest control of the reader's kind, in a line or behind it, or else the nearest of all. */
  #find(line, way) {
    let other = null;
    for (let at = line; at; at = at[way]) {
      const controls = this.#of(at);
      const same = controls.find(({ localName }) => localName === this.#kind);
      if (same) return same;
      other ??= controls[0] ?? null;
      if (other && !this.#kind) break;
    }
    return other;
  }

  /** A line has the stop if it is the first with a control, and as long as the reader was nowhere, if it is the last. */
  #offer(line) {
    const [control] = this.#of(line);
    if (!control) return;
    const isLast = () => !this.#kind && !this.#preferred?.isConnected && !this.#find(line.nextElementSibling, NEXT);
    if (!this.#stop || isLast()) this.#put(control);
  }

  #put(control) {
    if (control === this.#stop) return;
    if (this.#stop?.hasAttribute('tabindex')) this.#stop.tabIndex = -1; // what is no control any more has none
    if (control) control.tabIndex = 0;
    if (!control) this.#list.removeAttribute('aria-description');
    else if (!this.#stop) this.#list.setAttribute('aria-description', HELP);
    this.#stop = control;
  }

  #reached(element) {
    if (!this.#has(element)) return;
    this.#kind = element.localName;
    this.#put(element);
  }

  #pressed(event) {
    const { key, target } = event;
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || !this.#has(target)) return;
    const line = target.parentElement;
    const controls = this.#of(line);
    const at = controls.indexOf(target);
    const ways = {
      ArrowUp: () => this.#find(line.previousElementSibling, PREVIOUS),
      ArrowDown: () => this.#find(line.nextElementSibling, NEXT),
      ArrowLeft: () => controls[at - 1],
      ArrowRight: () => controls[at + 1],
      Home: () => this.#find(this.#list.firstElementChild, NEXT),
      End: () => this.#find(this.#list.lastElementChild, PREVIOUS),
    };
    const control = ways[key]?.();
    if (!control) return;
    event.preventDefault(); // which would scroll the list, too
    control.focus();
  }
}
