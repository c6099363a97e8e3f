// Records the microphone as s16le frames of a tenth of a second.

/** If audio has not started after this long, it will not start, in milliseconds. */
const START_TIMEOUT_MS = 8000;

/** The microphone of this device. Set `onframe(pcm, level)`, `onmutechange()` and `onend()`. */
export class Recorder {
  #stream = null;
  #context = null;
  #onChange = () => this.#checkMuted();

  /** Whether there is no sound because the microphone is muted or temporarily in use by something else. */
  isMuted = false;

  onframe = () => {};

  /** Called when `isMuted` may have changed. */
  onmutechange = () => {};

  onend = () => {};

  /** In Hz; set once the microphone is open. */
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
      await withTimeout(this.#context.resume());
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

const REASONS = {
  NotAllowedError: 'Microphone access is blocked. Allow it in the address bar or in the site settings.',
  NotFoundError: 'No microphone found. Plug one in, or choose one in the system settings.',
  NotReadableError: 'The microphone is in use by another program. Close it and try again.',
  TimeoutError: 'The browser did not start recording. Firefox needs an audio output to record: connect headphones or speakers and try again.',
  SecurityError: 'Browsers allow the microphone only on pages loaded over HTTPS or from localhost.',
};

/** A message for an error of `open`, with a remedy. */
export function explain(error) {
  return REASONS[error.name] ?? `The microphone cannot be used: ${error.message}`;
}
