// The last recording of this tab's microphone, for a page that is loaded again.

const KEY = 'undertext-microphone';

export const lastRecording = {
  /** @returns {{id: string, begun: number, resume: string} | null} `begun` is a Unix time */
  get: () => {
    try {
      return JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
    } catch { // some browsers keep nothing, as where all cookies are blocked
      return null;
    }
  },
  keep: (recording) => {
    try {
      sessionStorage.setItem(KEY, JSON.stringify(recording));
    } catch {
      // nobody goes on with it then
    }
  },
};
