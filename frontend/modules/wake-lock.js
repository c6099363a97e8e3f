// Keeps the screen on while a locked device would stop the recording or hide the captions.

export class WakeLock {
  #isHeld = false;
  #lock = null;
  #timer = 0;
  #onVisibility = () => this.#acquire(); // browsers release the lock of a hidden page

  hold() {
    clearTimeout(this.#timer);
    if (this.#isHeld) return;
    this.#isHeld = true;
    document.addEventListener('visibilitychange', this.#onVisibility);
    this.#acquire();
  }

  /** @param {number} duration in milliseconds, counted from the latest call */
  holdFor(duration) {
    this.hold();
    this.#timer = setTimeout(() => this.release(), duration);
  }

  release() {
    clearTimeout(this.#timer);
    this.#isHeld = false;
    document.removeEventListener('visibilitychange', this.#onVisibility);
    this.#lock?.release();
    this.#lock = null;
  }

  async #acquire() {
    if (document.visibilityState !== 'visible') return;
    try {
      const lock = await navigator.wakeLock.request('screen');
      if (this.#isHeld) this.#lock = lock;
      else lock.release();
    } catch {
      // not supported, or the battery is low
    }
  }
}
