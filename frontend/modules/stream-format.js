// The stream format of a station as text.

/** Such as mp3 44.1 kHz stereo 128 kbit/s. */
export function streamFormat({ codec, sample_rate_hz: rate, channels, bit_rate: bits }) {
  const parts = [codec];
  if (rate) parts.push(`${Number((rate / 1000).toFixed(2))} kHz`);
  if (channels) parts.push({ 1: 'mono', 2: 'stereo', 6: '5.1' }[channels] ?? `${channels} channels`);
  if (bits) parts.push(`${Math.round(bits / 1000)} kbit/s`);
  return parts.join(' ');
}
