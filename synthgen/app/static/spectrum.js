/** In-place radix-2 FFT of complex signals whose length is a power of two. */
class Fft {
  constructor(size) {
    this.size = size;
    this.cos = Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / size));
    this.sin = Float64Array.from({ length: size / 2 }, (_, k) => -Math.sin((2 * Math.PI * k) / size));
    const bits = Math.log2(size);
    this.order = Uint32Array.from({ length: size }, (_, i) => {
      let reversed = 0;
      for (let b = 0; b < bits; b++) reversed |= ((i >> b) & 1) << (bits - 1 - b);
      return reversed;
    });
  }

  transform(real, imaginary) {
    for (let i = 0; i < this.size; i++) {
      const j = this.order[i];
      if (j <= i) continue;
      const re = real[i];
      const im = imaginary[i];
      real[i] = real[j];
      imaginary[i] = imaginary[j];
      real[j] = re;
      imaginary[j] = im;
    }
    for (let half = 1; half < this.size; half *= 2) {
      const stride = this.size / (2 * half);
      for (let start = 0; start < this.size; start += 2 * half) this.butterflies(real, imaginary, start, half, stride);
    }
  }

  butterflies(real, imaginary, start, half, stride) {
    for (let a = start, b = start + half, turn = 0; a < start + half; a++, b++, turn += stride) {
      const c = this.cos[turn];
      const s = this.sin[turn];
      const re = real[b] * c - imaginary[b] * s;
      const im = real[b] * s + imaginary[b] * c;
      real[b] = real[a] - re;
      imaginary[b] = imaginary[a] - im;
      real[a] += re;
      imaginary[a] += im;
    }
  }
}

/**
 * Level of a signal over time and frequency: {decibels: Float32Array (frames x bins), frames, bins}, where a full-scale
 * sine reads 0 dB. Hann windows of `size` samples stand every `hop` samples. It pauses now and then, so that a key that is
 * pressed meanwhile sounds at once, and gives up with null once `isStale()`.
 */
async function spectrogram(samples, { size = 1024, hop = 256, isStale = () => false } = {}) {
  const fft = new Fft(size);
  const window = Float64Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
  const frames = Math.max(1, Math.floor(samples.length / hop));
  const bins = size / 2;
  const decibels = new Float32Array(frames * bins);
  const [real, imaginary] = [new Float64Array(size), new Float64Array(size)];
  for (let frame = 0; frame < frames; frame++) {
    if (frame % 16 === 15) await new Promise((resume) => setTimeout(resume));
    if (isStale()) return null;
    const start = frame * hop - size / 2;
    for (let i = 0; i < size; i++) real[i] = window[i] * (samples[start + i] ?? 0);
    imaginary.fill(0);
    fft.transform(real, imaginary);
    for (let k = 0; k < bins; k++) {
      const power = (real[k] * real[k] + imaginary[k] * imaginary[k]) / (size / 4) ** 2;
      decibels[frame * bins + k] = 10 * Math.log10(Math.max(power, 1e-12));
    }
  }
  return { decibels, frames, bins };
}
