// AudioWorklet: converts float samples to mono s16le frames of a tenth of a second, each with its peak level.

class Pcm extends AudioWorkletProcessor {
  #frame = new Int16Array(Math.round(sampleRate / 10));

  #filled = 0;

  #peak = 0;

  process([channels]) {
    const count = channels.length;
    if (!count) return true; // the microphone is not connected yet
    for (let i = 0; i < channels[0].length; i += 1) {
      let sum = 0;
      for (let channel = 0; channel < count; channel += 1) sum += channels[channel][i];
      const sample = Math.max(-1, Math.min(1, sum / count));
      this.#peak = Math.max(this.#peak, Math.abs(sample));
      this.#frame[this.#filled] = sample * 0x7fff; // all platforms with browsers are little-endian
      this.#filled += 1;
      if (this.#filled === this.#frame.length) this.#flush();
    }
    return true;
  }

  #flush() {
    const pcm = this.#frame.buffer;
    this.port.postMessage({ pcm, level: this.#peak }, [pcm]);
    this.#frame = new Int16Array(Math.round(sampleRate / 10));
    this.#filled = 0;
    this.#peak = 0;
  }
}

registerProcessor('pcm', Pcm);
