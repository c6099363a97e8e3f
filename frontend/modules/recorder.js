// The microphone as s16le frames of a tenth of a second.

/** Sound that has not begun after so long does not begin, in milliseconds. */
const PATIENCE_MS = 8000;

/** The microphone of this device. Set `onframe(pcm, level)`, `onstill()` and `onend()`. */
export class Recorder {
  #stream = null;
  #context = null;
  #look = () => this.#heed();

  /** Whether no sound comes, because the microphone is muted, or something else has it for a while. */
  isStill = false;

  onframe = () => {};

  /** Told when `isStill` has changed. */
  onstill = () => {};

  onend = () => {};

  /** In Hz, once it is open. */
  sampleRate = 0;

  async open() {
    if (!navigator.mediaDevices?.getUserMedia) throw new DOMException('', 'SecurityError');
    this.#stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: false, noiseSuppression: true, autoGainControl: true },
    });
    try {
      this.#context = new AudioContext();
      this.sampleRate = this.#context.sampleRate;
      await this.#context.audioWorklet.addModule(new URL('pcm-worklet.js', import.meta.url));
      const worklet = new AudioWorkletNode(this.#context, 'pcm', { numberOfOutputs: 0 });
      worklet.port.onmessage = ({ data }) => this.onframe(data.pcm, data.level);
      this.#context.createMediaStreamSource(this.#stream).connect(worklet);
      await begun(this.#context.resume());
    } catch (error) {
      this.stop();
      throw error;
    }
    for (const track of this.#stream.getTracks()) {
      track.onended = () => this.onend();
      track.onmute = track.onunmute = this.#look;
    }
    this.#context.onstatechange = this.#look;
    document.addEventListener('visibilitychange', this.#look);
    this.#heed();
  }

  /** A telephone takes the microphone for a call, and from a page out of sight; and does not always give it back unasked. */
  #heed() {
    const isSuspended = this.#context.state !== 'running'; // or interrupted, as Safari says
    if (isSuspended) this.#context.resume().catch(() => {}); // not yet, then
    this.isStill = isSuspended || this.#stream.getTracks().some(({ muted }) => muted);
    this.onstill();
  }

  stop() {
    this.onframe = () => {};
    this.onstill = () => {};
    this.onend = () => {};
    document.removeEventListener('visibilitychange', this.#look);
    if (this.#context) this.#context.onstatechange = null;
    for (const track of this.#stream?.getTracks() ?? []) {
      track.onmute = track.onunmute = null;
      track.stop();
    }
    this.#context?.close();
    this.#stream = this.#context = null;
  }
}

/** Firefox begins nothing where no sound can be played, not even to hear, and waits for ever. */
async function begun(sound) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(reject, PATIENCE_MS, new DOMException('', 'TimeoutError'));
  });
  try {
    await Promise.race([sound, late]);
  } finally {
    clearTimeout(timer);
  }
}

const REASONS = {
  NotAllowedError: 'The browser may not use the microphone. Allow it in the address bar or the site’s settings.',
  NotFoundError: 'There is no microphone. Plug one in, or choose one in the system’s settings.',
  NotReadableError: 'Another program holds the microphone. Close it and try again.',
  TimeoutError: 'The browser does not begin to hear. Firefox cannot without a sound output: plug in headphones or loudspeakers, and try again.',
  SecurityError: 'Browsers give the microphone only to pages that come over https or from localhost.',
};

/** What went wrong on the way to the microphone, with its remedy. */
export function explain(error) {
  return REASONS[error.name] ?? `The microphone cannot be used: ${error.message}`;
}
