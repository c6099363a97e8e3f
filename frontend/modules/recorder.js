// Records a stream of sound as s16le frames of a tenth of a second.

/** If audio has not started after this long, it will not start, in milliseconds. */
const START_TIMEOUT_MS = 8000;

/** Records a MediaStream. Set `onframe(pcm, level)`, `onmutechange()` and `onend()`. */
export class Recorder {
  #stream = null;
  #context = null;
  #onChange = () => this.#checkMuted();

  /** Whether there is no sound because its source is muted or temporarily in use by something else. */
  isMuted = false;

  onframe = () => {};

  /** Called when `isMuted` may have changed. */
  onmutechange = () => {};

  onend = () => {};

  /** In Hz; set once it is open. */
  sampleRate = 0;

  /**
   * Record `stream`, which belongs to this recorder from now on: `stop` ends it, as does a failure.
   *
   * @throws {DOMException} InvalidStateError: it has ended meanwhile
   */
  async open(stream) {
    this.#stream = stream;
    try {
      this.#context = new AudioContext();
      this.sampleRate = this.#context.sampleRate;
      await this.#context.audioWorklet.addModule(new URL('pcm-worklet.js', import.meta.url));
      const worklet = new AudioWorkletNode(this.#context, 'pcm', { numberOfOutputs: 0 });
      worklet.port.onmessage = ({ data }) => this.onframe(data.pcm, data.level);
      this.#context.createMediaStreamSource(this.#stream).connect(worklet);
      await withTimeout(this.#context.resume());
      if (stream.getTracks().some(({ readyState }) => readyState === 'ended')) throw new DOMException('', 'InvalidStateError');
    } catch (error) {
      this.stop();
      throw error;
    }
    for (const track of this.#stream.getTracks()) {
      track.onended = () => this.onend();
      track.onmute = track.onunmute = this.#onChange;
    }
    this.#context.onstatechange = this.#onChange;
    document.addEventListener('visibilitychange', this.#onChange);
    this.#checkMuted();
  }

  /** Phones suspend the microphone during calls and while the page is hidden, and do not always resume it on their own. */
  #checkMuted() {
    const isSuspended = this.#context.state !== 'running'; // Safari also has "interrupted"
    if (isSuspended) this.#context.resume().catch(() => {}); // not possible yet
    this.isMuted = isSuspended || this.#stream.getTracks().some(({ muted }) => muted);
    this.onmutechange();
  }

  stop() {
    this.onframe = () => {};
    this.onmutechange = () => {};
    this.onend = () => {};
    document.removeEventListener('visibilitychange', this.#onChange);
    if (this.#context) this.#context.onstatechange = null;
    for (const track of this.#stream?.getTracks() ?? []) {
      track.onmute = track.onunmute = null;
      track.stop();
    }
    this.#context?.close();
    this.#stream = this.#context = null;
  }
}

/** Without an audio output device, Firefox does not start an AudioContext, even for recording, and waits forever. */
async function withTimeout(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(reject, START_TIMEOUT_MS, new DOMException('', 'TimeoutError'));
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
