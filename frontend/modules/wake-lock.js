// Keeps the screen on, where a device that locks itself would end what goes on, or hide what is read.

export class WakeLock {
  #isHeld = false;
  #lock = null;
  #timer = 0;
  #look = () => this.#ask(); // browsers take it from a page that is out of sight

  hold() {
    clearTimeout(this.#timer);
    if (this.#isHeld) return;
    this.#isHeld = true;
    document.addEventListener('visibilitychange', this.#look);
    this.#ask();
  }

  /** @param {number} duration in milliseconds; from the newest call on */
  holdFor(duration) {
    this.hold();
    this.#timer = setTimeout(() => this.release(), duration);
  }

  release() {
    clearTimeout(this.#timer);
    this.#isHeld = false;
    document.removeEventListener('visibilitychange', this.#look);
    this.#lock?.release();
    this.#lock = null;
  }

  async #ask() {
    if (document.visibilityState !== 'visible') return;
    try {
      const lock = await navigator.wakeLock.request('screen');
      if (this.#isHeld) this.#lock = lock;
      else lock.release();
    } catch {
      // there is none, or its battery is low: whoever holds the device keeps it on
    }
  }
}
