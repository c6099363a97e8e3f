// <notice-bar>: the last error, until it is dismissed or the user moves on. <token-dialog>: asks for the API's token.

import { token, tokenPrompt } from './api.js';
import { make } from './dom.js';

class NoticeBar extends HTMLElement {
  #onNotice = (event) => this.#show(event.detail);

  connectedCallback() {
    this.setAttribute('role', 'alert');
    document.addEventListener('notice', this.#onNotice);
  }

  disconnectedCallback() {
    document.removeEventListener('notice', this.#onNotice);
  }

  #show({ text, cleared }) {
    if (cleared !== undefined) {
      if (cleared === null || this.querySelector('p')?.textContent === cleared) this.replaceChildren();
      return;
    }
    const dismiss = make('button', { type: 'button', textContent: 'Dismiss' });
    dismiss.addEventListener('click', () => {
      this.replaceChildren();
      document.getElementById('main').focus(); // the button is gone
    });
    this.replaceChildren(make('div.notice', {}, make('p', { textContent: text }), dismiss));
  }
}

class TokenDialog extends HTMLElement {
  connectedCallback() {
    this.input = make('input', { id: 'token', type: 'password', autocomplete: 'current-password', required: true });
    this.wrong = make('p.refused', { role: 'alert', textContent: 'Wrong token.' });
    this.dialog = make(
      'dialog', { 'aria-labelledby': 'token-title' },
      make('form', { method: 'dialog' },
        make('h2', { id: 'token-title', textContent: 'This server requires a token' }),
        make('p', { textContent: 'It is the value of API_TOKEN on the server. It is kept until you close this tab.' }),
        this.wrong, make('label', { for: 'token', textContent: 'Token' }), this.input,
        make('div.row', {},
          make('button.primary', { type: 'submit', value: 'send', textContent: 'Continue' }),
          make('button', { type: 'submit', value: '', formNoValidate: true, textContent: 'Cancel' }))));
    this.replaceChildren(this.dialog);
    tokenPrompt.ask = () => new Promise((resolve) => {
      this.input.value = '';
      this.wrong.hidden = !token.get(); // one was sent and refused
      this.dialog.returnValue = '';
      this.dialog.onclose = () => {
        const isEntered = this.dialog.returnValue === 'send';
        if (isEntered) {
          token.set(this.input.value.trim());
          document.dispatchEvent(new Event('token')); // lets views load what requires it
        }
        resolve(isEntered);
      };
      this.dialog.showModal();
    });
  }
}

customElements.define('notice-bar', NoticeBar);
customElements.define('token-dialog', TokenDialog);
