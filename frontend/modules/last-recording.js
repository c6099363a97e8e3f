// The last recording of this tab's microphone, for a page that is loaded again.

const KEY = 'undertext-microphone';

export const lastRecording = {
  /** @returns {{id: string, begun: number, resume: string} | null} `begun` is a Unix time */
  get: () => JSON.parse(sessionStorage.getItem(KEY) ?? 'null'),
  keep: (recording) => sessionStorage.setItem(KEY, JSON.stringify(recording)),
};
