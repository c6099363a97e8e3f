// <notice-bar>: the last thing that went wrong, until it is dismissed or the user has gone on. <token-dialog>: asks for the API's token.

import { gate, token } from './api.js';
import { make } from './dom.js';

class NoticeBar extends HTMLElement {
  #hear = (event) => this.#show(event.detail);

  connectedCallback() {
    this.setAttribute('role', 'alert');
    document.addEventListener('notice', this.#hear);
  }

  disconnectedCallback() {
    document.removeEventListener('notice', this.#hear);
  }

  #show({ text, over }) {
    if (over !== undefined) {
      if (over === null || this.querySelector('p')?.textContent === over) this.replaceChildren();
      return;
    }
    const dismiss = make('button', { type: 'button', textContent: 'Dismiss' });
    dismiss.addEventListener('click', () => {
      this.replaceChildren();
      document.getElementById('main').focus(); // the button has gone
    });
    this.replaceChildren(make('div.notice', {}, make('p', { textContent: text }), dismiss));
  }
}

class TokenDialog extends HTMLElement {
  connectedCallback() {
    this.input = make('input', { id: 'token', type: 'password', autocomplete: 'current-password', required: true });
    this.wrong = make('p.refused', { role: 'alert', textContent: 'The token that was given is not the right one.' });
    this.dialog = make(
      'dialog', { 'aria-labelledby': 'token-title' },
      make('form', { method: 'dialog' },
        make('h2', { id: 'token-title', textContent: 'This server asks for a token' }),
        make('p', { textContent: 'Whoever runs it has set API_TOKEN. It is kept until this tab is closed.' }),
        this.wrong, make('label', { for: 'token', textContent: 'Token' }), this.input,
        make('div.row', {},
          make('button.primary', { type: 'submit', value: 'send', textContent: 'Use it' }),
          make('button', { type: 'submit', value: '', formNoValidate: true, textContent: 'Cancel' }))));
    this.replaceChildren(this.dialog);
    gate.ask = () => new Promise((resolve) => {
      this.input.value = '';
      this.wrong.hidden = !token.get(); // it was sent, and the server asks again
      this.dialog.returnValue = '';
      this.dialog.onclose = () => {
        const given = this.dialog.returnValue === 'send';
        if (given) {
          token.set(this.input.value.trim());
          document.dispatchEvent(new Event('token')); // what was not shown without it may be now
        }
        resolve(given);
      };
      this.dialog.showModal();
    });
  }
}

customElements.define('notice-bar', NoticeBar);
customElements.define('token-dialog', TokenDialog);
