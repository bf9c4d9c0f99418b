/** Plays notes through one AudioContext, each at its own level; a soft ceiling tames loud chords without delay. */
class Sound {
  constructor() {
    this.context = null;
    this.volume = 1;
    this.voices = new Set();
  }

  /** Run at the notes' own rate: browsers interpolate a buffer of another rate coarsely, their output stage does it well. */
  setRate(sampleRate) {
    if (sampleRate === this.context?.sampleRate) return;
    this.close();
    this.context = new AudioContext({ latencyHint: "interactive", sampleRate });
    this.output = new GainNode(this.context, { gain: this.volume });
    this.output.connect(softCeiling(this.context));
  }

  /** Let the device play; browsers allow this only after the user has touched the page. */
  wake() {
    if (this.context.state === "suspended") this.context.resume();
  }

  setVolume(volume) {
    this.volume = volume;
    this.output.gain.setTargetAtTime(volume, this.context.currentTime, 0.01);
  }

  /** Start a note now; the voice that is returned can be released. */
  play(buffer) {
    this.wake();
    const source = new AudioBufferSourceNode(this.context, { buffer });
    const gain = new GainNode(this.context);
    source.connect(gain).connect(this.output);
    source.start();
    const voice = { source, gain };
    this.voices.add(voice);
    source.onended = () => {
      this.voices.delete(voice);
      gain.disconnect();
    };
    return voice;
  }

  /** Fade a voice out, `delay` seconds from now, with a time constant of 60 ms. */
  release(voice, delay = 0) {
    const time = voice.gain.context.currentTime + delay;
    voice.gain.gain.setTargetAtTime(0, time, 0.06);
    voice.source.stop(time + 0.5);
  }

  close() {
    this.context?.close();
  }
}

/** A chain to the loudspeaker that leaves levels up to 0.8 as they are and bends what is above to below 1. */
function softCeiling(context) {
  const reach = 8;
  const curve = Float32Array.from({ length: 8193 }, (_, i) => {
    const x = (i / 4096 - 1) * reach;
    const size = Math.abs(x);
    return Math.sign(x) * (size <= 0.8 ? size : 0.8 + 0.2 * Math.tanh((size - 0.8) / 0.2));
  });
  const scale = new GainNode(context, { gain: 1 / reach });
  scale.connect(new WaveShaperNode(context, { curve })).connect(context.destination);
  return scale;
}
