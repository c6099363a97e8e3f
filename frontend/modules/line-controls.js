// Actions on the lines of a list: play the audio, copy a link, correct the text.

import { copyLink } from './copy-link.js';
import { correctButton, describeButton } from './correct-button.js';
import { LineEditor } from './line-editor.js';
import { isWithdrawn } from './line-text.js';
import { RovingTabindex } from './roving-tabindex.js';
import { isActivated, setTimeRole } from './time-button.js';

/** Visible controls of visible lines; the correct button only while its line is not being edited. */
const CONTROLS = 'p:not([hidden]) > :is(time[role], .copy), p:not([hidden], [data-edited]) > .correct:not([hidden])';

export class LineControls {
  store = null; // a CaptionStore
  time = null; // formats the time of a line
  #scroller;
  #elements;
  #onChoose;
  #play = null;
  #isPlayable = null;
  #address = null; // returns the address of a line
  #chosen = null; // the line that the page's address points to
  #copy = null; // its "Copy link" button
  #save = null; // stores the corrected text of a line
  #editors; // open editors (a live collection)

  /**
   * @param {HTMLElement} scroller
   * @param {Map<string | number, HTMLElement>} elements of the lines, by their keys
   * @param {(element: HTMLElement) => void} onChoose called with the line whose link was selected
   */
  constructor(scroller, elements, onChoose) {
    this.#scroller = scroller;
    this.#elements = elements;
    this.#onChoose = onChoose;
    this.#editors = scroller.getElementsByTagName('line-editor');
    this.roving = new RovingTabindex(scroller, CONTROLS);
    for (const type of ['click', 'keydown']) scroller.addEventListener(type, (event) => this.#onActivate(event));
  }

  get isEditing() {
    return this.#editors.length > 0;
  }

  get hasChosen() {
    return this.#chosen !== null;
  }

  /** Make the times of playable lines buttons that play them. */
  enablePlayback(play, isPlayable) {
    this.#play = play;
    this.#isPlayable = isPlayable;
    this.#changeAll((element, line) => this.#updateTime(element, line));
  }

  /** Make the times of all other final captions links to themselves. */
  enableLinks(address) {
    this.#address = address;
    this.#changeAll((element, line) => this.#updateTime(element, line));
  }

  /** Allow final lines to be corrected; null disables it. */
  enableCorrections(save) {
    this.#save = save;
    this.#scroller.toggleAttribute('data-correctable', Boolean(save));
    this.#changeAll((element, line) => this.update(element, line));
  }

  /** Update the controls of a line that has changed. */
  update(element, line) {
    this.#updateTime(element, line);
    this.#updateCorrectButton(element, line);
    const button = element.querySelector(':scope > .correct');
    if (button) describeButton(button, line, this.time(line.start_s));
  }

  /** Set the page's address to that of a line, and offer to copy it. */
  choose(line) {
    this.clearChosen();
    const element = this.#elements.get(line.key);
    const address = this.#address(line);
    history.replaceState(null, '', address);
    this.#chosen = element;
    this.#copy = copyLink(address);
    this.roving.change(element, () => element.append(this.#copy));
  }

  /** Deselect the chosen line. */
  clearChosen() {
    if (this.#chosen?.isConnected) this.roving.change(this.#chosen, () => this.#copy.remove());
    this.#chosen = null;
  }

  #changeAll(change) {
    this.roving.changeAll(() => {
      for (const line of this.store?.lines ?? []) if (this.#elements.has(line.key)) change(this.#elements.get(line.key), line);
    });
  }

  #updateTime(element, line) {
    const time = element.firstElementChild;
    if (!time.textContent) return;
    const isLinked = this.#address && line.kind === 'caption' && line.final;
    setTimeRole(time, this.#play && this.#isPlayable(line) ? 'button' : isLinked ? 'link' : '');
  }

  #updateCorrectButton(element, line) {
    const button = element.querySelector(':scope > .correct');
    if (line.kind === 'missed' || Boolean(button) === Boolean(this.#save)) return;
    if (!button) element.children[1].after(correctButton());
    else if (!('edited' in element.dataset)) button.remove(); // otherwise it is removed when the editor closes
  }

  #onActivate(event) {
    const { type, target } = event;
    const isTime = isActivated(event);
    const isControl = isTime || (type === 'click' && target.matches('.correct'));
    const line = isControl && this.store.lines.find((each) => String(each.key) === target.parentElement.dataset.key);
    if (!line) return;
    event.preventDefault();
    if (!isTime) {
      this.#edit(line, target);
      return;
    }
    if (this.#address && line.kind === 'caption' && line.final) this.choose(line);
    if (target.getAttribute('role') === 'button') this.#play(line);
    else this.#onChoose(target.parentElement);
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
      this.update(element, newest()); // corrections may have been disabled meanwhile
    }), { once: true }); // cancelling while a save is pending would close it twice
    this.roving.change(element, () => {
      element.dataset.edited = ''; // hides the text and the button
      element.append(editor);
    });
  }
}
