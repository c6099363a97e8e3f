// The sound to caption: a microphone, or what a browser tab or the whole computer plays.

import { make } from './dom.js';

/** The option for sound that this computer plays; the other values of `SoundSelect` are ids of microphones. */
const SHARED = 'shared';

/** Ids under which Chromium lists a microphone for a second time. */
const ALIASES = new Set(['default', 'communications']);

/** Chromium shares the sound of tabs, except on phones; the browsers that share only pictures lack this constraint. */
const canShareSound = () => Boolean(navigator.mediaDevices?.getDisplayMedia && navigator.mediaDevices.getSupportedConstraints().suppressLocalAudioPlayback);

const MICROPHONE_REASONS = {
  NotAllowedError: 'Microphone access is blocked. Allow it in the address bar or in the site settings.',
  NotFoundError: 'No microphone found. Plug one in, or choose one in the system settings.',
  OverconstrainedError: 'This microphone is no longer connected. Choose another one.',
  NotReadableError: 'The microphone is in use by another program. Close it and try again.',
  InvalidStateError: 'The microphone was disconnected, or its permission was withdrawn.',
  TimeoutError: 'The browser did not start recording. Firefox needs an audio output to record: connect headphones or speakers and try again.',
  SecurityError: 'Browsers allow the microphone only on pages loaded over HTTPS or from localhost.',
};

const SHARED_REASONS = {
  NotAllowedError: 'Nothing was shared. If the browser did not ask what to share, allow it in the settings of the system.',
  NotFoundError: 'What you chose has no sound. Choose a browser tab, and turn on its sound in the same dialog. Not every system shares the sound of the whole screen.',
  NotReadableError: 'The browser could not record the sound of what you chose. Choose a browser tab.',
  InvalidStateError: 'Sharing was stopped.',
};

/** A kind of source, and what to tell the user about it. */
const MICROPHONE = {
  opening: 'Waiting for the microphone…',
  muted: 'No sound: the microphone is muted or in use by a call.',
  ended: MICROPHONE_REASONS.InvalidStateError,
  explain: (error) => MICROPHONE_REASONS[error.name] ?? `The microphone cannot be used: ${error.message}`,
};
const SHARED_SOUND = {
  opening: 'Choose what to share…',
  muted: 'No sound: what you share is paused.',
  ended: '', // it was the user who stopped sharing, or closed the tab
  explain: (error) => SHARED_REASONS[error.name] ?? `The sound cannot be shared: ${error.message}`,
};

/** A <select> of the sources of sound. It is hidden while there is only the default microphone. */
export class SoundSelect {
  #select = make('select', { id: 'sound-source' });
  #wanted; // it may not be connected
  #onDeviceChange = () => this.refresh();

  /** @param {string} value chosen initially */
  constructor(value = '') {
    this.#wanted = value;
    this.#select.addEventListener('change', () => {
      this.#wanted = this.#select.value;
    });
    this.element = make('div', {}, make('label', { for: 'sound-source', textContent: 'Sound' }), this.#select);
    this.#offer([]);
  }

  /** Keep the list up to date until `stop`. */
  start() {
    navigator.mediaDevices?.addEventListener('devicechange', this.#onDeviceChange);
    this.refresh();
  }

  stop() {
    navigator.mediaDevices?.removeEventListener('devicechange', this.#onDeviceChange);
  }

  /** List the microphones, whose names browsers reveal once one of them was allowed. */
  async refresh() {
    const devices = await navigator.mediaDevices?.enumerateDevices?.().catch(() => []) ?? [];
    this.#offer(devices.filter(({ kind, label, deviceId }) => kind === 'audioinput' && label && !ALIASES.has(deviceId)));
  }

  #offer(microphones) {
    const options = [['', 'Default microphone'], ...microphones.map(({ deviceId, label }) => [deviceId, label])];
    if (canShareSound()) options.push([SHARED, 'A tab or this computer']);
    this.#select.replaceChildren(...options.map(([value, textContent]) => make('option', { value, textContent })));
    this.#select.value = options.some(([value]) => value === this.#wanted) ? this.#wanted : '';
    this.element.hidden = options.length === 1;
  }

  set disabled(isDisabled) {
    this.#select.disabled = isDisabled;
  }

  get value() {
    return this.#select.value;
  }

  /** The chosen source; its `open` asks for permission and returns a MediaStream with sound, or throws a DOMException. */
  get chosen() {
    const { value } = this;
    if (value === SHARED) return { ...SHARED_SOUND, open: openShared };
    return { ...MICROPHONE, open: () => openMicrophone(value) };
  }
}

async function openMicrophone(deviceId) {
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException('', 'SecurityError');
  return navigator.mediaDevices.getUserMedia({
    audio: { ...(deviceId && { deviceId: { exact: deviceId } }), channelCount: 1, echoCancellation: false, noiseSuppression: true, autoGainControl: true },
  });
}

/** The picture, without which browsers share nothing, is discarded at once. */
async function openShared() {
  const stream = await navigator.mediaDevices.getDisplayMedia({
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false }, systemAudio: 'include',
  });
  for (const picture of stream.getVideoTracks()) {
    picture.stop();
    stream.removeTrack(picture);
  }
  if (!stream.getAudioTracks().length) throw new DOMException('', 'NotFoundError');
  return stream;
}
