// What browsers have and Node 18, which Debian 12 has, has not. Loaded before every test (see the Makefile).

globalThis.CustomEvent ??= class CustomEvent extends Event {
  constructor(type, options = {}) {
    super(type, options);
    this.detail = options.detail ?? null;
  }
};
