const MARGIN = { left: 44, right: 10, top: 8, bottom: 22 };
const MAGMA = [
  [0, 0, 4], [28, 16, 68], [79, 18, 123], [129, 37, 129], [181, 54, 122],
  [229, 80, 100], [251, 135, 97], [254, 194, 135], [252, 253, 191],
];
const SHADES = Uint32Array.from({ length: 256 }, (_, i) => {
  const place = (i / 255) * (MAGMA.length - 1);
  const index = Math.min(Math.floor(place), MAGMA.length - 2);
  const [red, green, blue] = MAGMA[index].map((c, k) => Math.round(c + (place - index) * (MAGMA[index + 1][k] - c)));
  return 0xff000000 | (blue << 16) | (green << 8) | red;
});
const DECIBELS = { low: -100, high: -20 };

/** Draws the waveform and the spectrogram of the last note on two canvases, after the note has begun to sound. */
class Picture {
  constructor(wave, spectrum) {
    this.wave = wave;
    this.spectrum = spectrum;
    this.note = null;
    this.turn = 0;
    this.drawn = 0;
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(spectrum);
  }

  show(note) {
    this.note = note;
    this.draw();
  }

  async draw() {
    const turn = ++this.turn;
    const isStale = () => turn !== this.turn;
    await new Promise((resume) => setTimeout(resume, 30));
    if (isStale()) return;
    const samples = this.note?.buffer.getChannelData(0) ?? new Float32Array(0);
    const sampleRate = this.note?.buffer.sampleRate ?? 16000;
    const seconds = samples.length / sampleRate || 4;
    drawWave(this.wave, samples, seconds);
    const levels = this.note && (await spectrogram(samples, { isStale }));
    if (isStale()) return;
    drawSpectrum(this.spectrum, levels, seconds, sampleRate / 2000);
    this.drawn += 1;
  }

  close() {
    this.turn += 1;
    this.observer.disconnect();
  }
}

function drawWave(canvas, samples, seconds) {
  const pen = preparePen(canvas);
  const peak = samples.reduce((top, x) => Math.max(top, Math.abs(x)), 0);
  const reach = [0.02, 0.05, 0.1, 0.2, 0.5].find((r) => peak <= r) ?? 1;
  const plot = drawFrame(pen, {
    seconds,
    rows: [{ at: 0, text: `${reach}` }, { at: 0.5, text: "0" }, { at: 1, text: `\u2212${reach}` }],
    seconds_shown: false,
  });
  pen.context.fillStyle = pen.accent;
  const middle = plot.y + plot.height / 2;
  for (let column = 0; column < plot.width; column++) {
    const from = Math.floor((column / plot.width) * samples.length);
    const to = Math.max(from + 1, Math.floor(((column + 1) / plot.width) * samples.length));
    let [low, high] = [0, 0];
    for (let i = from; i < to && i < samples.length; i++) {
      low = Math.min(low, samples[i]);
      high = Math.max(high, samples[i]);
    }
    const top = middle - (high / reach) * (plot.height / 2);
    const height = ((high - low) / reach) * (plot.height / 2);
    pen.context.fillRect(plot.x + column, top, 1, Math.max(height, 0.7));
  }
}

function drawSpectrum(canvas, levels, seconds, kilohertz) {
  const pen = preparePen(canvas);
  const rows = [];
  for (let k = 0; k <= kilohertz; k += 2) rows.push({ at: 1 - k / kilohertz, text: k ? `${k} kHz` : "0" });
  const plot = drawFrame(pen, { seconds, rows, seconds_shown: true });
  if (!levels) return;
  const image = new ImageData(levels.frames, levels.bins);
  const pixels = new Uint32Array(image.data.buffer);
  for (let frame = 0; frame < levels.frames; frame++) {
    for (let bin = 0; bin < levels.bins; bin++) {
      const share = (levels.decibels[frame * levels.bins + bin] - DECIBELS.low) / (DECIBELS.high - DECIBELS.low);
      const shade = Math.round(255 * Math.min(Math.max(share, 0), 1));
      pixels[(levels.bins - 1 - bin) * levels.frames + frame] = SHADES[shade];
    }
  }
  const sheet = new OffscreenCanvas(levels.frames, levels.bins);
  sheet.getContext("2d").putImageData(image, 0, 0);
  pen.context.drawImage(sheet, plot.x, plot.y, plot.width, plot.height);
}

/** A canvas cleared at the screen's own resolution, with the page's colours. */
function preparePen(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.font = "11px system-ui, sans-serif";
  const style = getComputedStyle(canvas);
  return {
    context,
    width,
    height,
    ink: style.getPropertyValue("--soft"),
    line: style.getPropertyValue("--line"),
    accent: style.getPropertyValue("--accent"),
  };
}

/** Axes: labels of the rows on the left, seconds below where wanted. Returns the rectangle between them. */
function drawFrame(pen, { seconds, rows, seconds_shown }) {
  const bottom = seconds_shown ? MARGIN.bottom : MARGIN.top;
  const plot = {
    x: MARGIN.left,
    y: MARGIN.top,
    width: pen.width - MARGIN.left - MARGIN.right,
    height: pen.height - MARGIN.top - bottom,
  };
  const { context } = pen;
  context.strokeStyle = pen.line;
  context.fillStyle = pen.ink;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const row of rows) context.fillText(row.text, plot.x - 6, plot.y + row.at * plot.height);
  context.textBaseline = "alphabetic";
  const step = seconds > 2 ? 1 : seconds > 0.8 ? 0.5 : 0.1;
  for (let second = 0; second <= seconds + 1e-9; second += step) {
    const x = plot.x + (second / seconds) * plot.width;
    context.textAlign = second > seconds - step / 2 ? "right" : "center";
    const text = `${Number(second.toFixed(1))}${second + step > seconds + 1e-9 ? " s" : ""}`;
    if (seconds_shown) context.fillText(text, Math.min(x, pen.width - 2), pen.height - 6);
    context.beginPath();
    context.moveTo(x, plot.y);
    context.lineTo(x, plot.y + plot.height);
    context.stroke();
  }
  context.strokeRect(plot.x, plot.y, plot.width, plot.height);
  return plot;
}
