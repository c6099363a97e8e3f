// The last microphone recording of this tab, kept across reloads.

const KEY = 'undertext-microphone';

export const lastRecording = {
  /** @returns {{id: string, begun: number, resume: string, choices: object} | null} `begun` is a Unix time */
  get: () => {
    try {
      return JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
    } catch { // no session storage, for example because all cookies are blocked
      return null;
    }
  },
  keep: (recording) => {
    try {
      sessionStorage.setItem(KEY, JSON.stringify(recording));
    } catch {
      // then it cannot be resumed
    }
  },
};
