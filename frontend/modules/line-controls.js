// What can be done with the lines of a list: their sound is played, their address is copied, their text is corrected.

import { copyLink } from './copy-link.js';
import { correctButton, describeButton } from './correct-button.js';
import { LineEditor } from './line-editor.js';
import { isWithdrawn } from './line-text.js';
import { RovingTabindex } from './roving-tabindex.js';
import { isChosen, lead } from './time-button.js';

/** Children of lines that are not hidden; what corrects a line, while it is not open. */
const CONTROLS = 'p:not([hidden]) > :is(time[role], .copy), p:not([hidden], [data-edited]) > .correct:not([hidden])';

export class LineControls {
  store = null; // a CaptionStore
  time = null; // writes when a line was said
  #scroller;
  #elements;
  #onchoose;
  #go = null; // plays a line
  #leads = null; // tells whether one can be played
  #address = null; // tells the address of a line
  #chosen = null; // the line whose address the page has
  #copy = null; // the button that copies it
  #save = null; // keeps the text of a line that is corrected
  #editors; // that are open

  /**
   * @param {HTMLElement} scroller
   * @param {Map<string | number, HTMLElement>} elements of the lines, by their keys
   * @param {(element: HTMLElement) => void} onchoose hears which line was chosen, to be linked to
   */
  constructor(scroller, elements, onchoose) {
    this.#scroller = scroller;
    this.#elements = elements;
    this.#onchoose = onchoose;
    this.#editors = scroller.getElementsByTagName('line-editor');
    this.roving = new RovingTabindex(scroller, CONTROLS);
    for (const type of ['click', 'keydown']) scroller.addEventListener(type, (event) => this.#used(event));
  }

  get isEditing() {
    return this.#editors.length > 0;
  }

  get hasChosen() {
    return this.#chosen !== null;
  }

  /** Have the time of each line play it, if it can be played. */
  play(go, leads) {
    this.#go = go;
    this.#leads = leads;
    this.#changeAll((element, line) => this.#prepare(element, line));
  }

  /** Have the time of each other line that is final lead to its address. */
  link(address) {
    this.#address = address;
    this.#changeAll((element, line) => this.#prepare(element, line));
  }

  /** Have final lines corrected. */
  correct(save) {
    this.#save = save;
    this.#scroller.toggleAttribute('data-correctable', Boolean(save));
    this.#changeAll((element, line) => this.offer(element, line));
  }

  /** What can be done with a line, as it is now. */
  offer(element, line) {
    this.#prepare(element, line);
    this.#offerCorrecting(element, line);
    const button = element.querySelector(':scope > .correct');
    if (button) describeButton(button, line, this.time(line.start_s));
  }

  /** Have the address of a line copied, which the page has, too. */
  choose(line) {
    this.leave();
    const element = this.#elements.get(line.key);
    const address = this.#address(line);
    history.replaceState(null, '', address);
    this.#chosen = element;
    this.#copy = copyLink(address);
    this.roving.change(element, () => element.append(this.#copy));
  }

  /** No line is chosen any more. */
  leave() {
    if (this.#chosen?.isConnected) this.roving.change(this.#chosen, () => this.#copy.remove());
    this.#chosen = null;
  }

  #changeAll(how) {
    this.roving.changeAll(() => {
      for (const line of this.store?.lines ?? []) if (this.#elements.has(line.key)) how(this.#elements.get(line.key), line);
    });
  }

  #prepare(element, line) {
    const time = element.firstElementChild;
    if (!time.textContent) return;
    const isLinked = this.#address && line.kind === 'caption' && line.final;
    lead(time, this.#go && this.#leads(line) ? 'button' : isLinked ? 'link' : '');
  }

  #offerCorrecting(element, line) {
    const button = element.querySelector(':scope > .correct');
    if (line.kind === 'missed' || Boolean(button) === Boolean(this.#save)) return;
    if (!button) element.children[1].after(correctButton());
    else if (!('edited' in element.dataset)) button.remove(); // else it goes with the editor
  }

  #used(event) {
    const { type, target } = event;
    const isTime = isChosen(event);
    const isMeant = isTime || (type === 'click' && target.matches('.correct'));
    const line = isMeant && this.store.lines.find((each) => String(each.key) === target.parentElement.dataset.key);
    if (!line) return;
    event.preventDefault();
    if (!isTime) {
      this.#edit(line, target);
      return;
    }
    if (this.#address && line.kind === 'caption' && line.final) this.choose(line);
    if (target.getAttribute('role') === 'button') this.#go(line);
    else this.#onchoose(target.parentElement);
  }

  #edit(line, button) {
    const element = button.parentElement;
    const newest = () => this.store.lines.find(({ key }) => key === line.key) ?? line;
    const editor = new LineEditor(newest, this.#save);
    editor.addEventListener('closed', () => this.roving.change(element, () => {
      editor.remove();
      delete element.dataset.edited;
      element.hidden = isWithdrawn(newest());
      if (!element.hidden) button.focus({ preventScroll: true });
      this.offer(element, newest()); // they may not be corrected any more
    }), { once: true }); // left while it is saved, it would be closed again
    this.roving.change(element, () => {
      element.dataset.edited = ''; // its text, and the button, are hidden then
      element.append(editor);
    });
  }
}
