// Polyfills for Node 18 (Debian 12). Loaded before every test (see the Makefile).

globalThis.CustomEvent ??= class CustomEvent extends Event {
  constructor(type, options = {}) {
    super(type, options);
    this.detail = options.detail ?? null;
  }
};
