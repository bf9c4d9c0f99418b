/** The page: controls -> patch -> bank of notes -> keys -> sound and pictures. */
class Page {
  constructor(element, server, config) {
    this.server = server;
    this.stop = new AbortController();
    this.ui = Object.fromEntries(
      [...element.querySelectorAll("*")].flatMap((node) => Object.keys(node.dataset).map((name) => [name, node])),
    );
    this.held = new Map();
    this.presses = [];
    this.last = null;
    this.sound = new Sound();
    this.picture = new Picture(this.ui.wave, this.ui.spectrum);
    this.bank = new Bank({
      ask: (request) => this.call("make_note", request),
      watch: (request) => this.call("note_progress", request),
      stop: (request) => this.call("stop_note", request),
      onChange: () => this.showProgress(),
      onError: (line) => this.showError(line),
      onMaking: (making) => this.showMaking(making),
    });
    this.keyboard = new Keyboard(this.ui.keys, {
      onPress: (source, pitch, time) => this.press(source, pitch, time),
      onRelease: (source) => this.release(source),
      onWindow: () => this.onWindow(),
      signal: this.stop.signal,
    });
    this.listen();
    fill(this.ui.model, config.models, config.model);
    this.showModel(config);
  }

  listen() {
    const { ui } = this;
    const on = (target, type, handler) => target.addEventListener(type, handler, { signal: this.stop.signal });
    on(ui.model, "change", () => this.changeModel());
    for (const control of [ui.first, ui.second, ui.mix, ui.velocity, ui.seed]) on(control, "change", () => this.refresh());
    for (const control of [ui.mix, ui.velocity, ui.volume]) on(control, "input", () => this.showControls());
    for (const choice of [ui.model, ui.first, ui.second]) leaveAfterPointer(choice, on);
    on(ui.seed, "keydown", (event) => event.key === "Enter" && ui.seed.blur());
    on(ui.lower, "click", () => this.keyboard.moveTo(this.keyboard.base - 12));
    on(ui.higher, "click", () => this.keyboard.moveTo(this.keyboard.base + 12));
    on(ui.midi, "click", () => this.connectMidi());
    on(ui.cancel, "click", () => this.bank.cancel());
    on(window, "keydown", (event) => event.key === "Escape" && this.bank.cancel());
    on(ui.again, "click", () => this.sound.play(this.last.buffer));
    on(ui.download, "click", () => this.download());
    on(window, "blur", () => this.releaseAll());
    for (const type of ["pointerdown", "keydown"]) on(window, type, () => this.sound.wake());
    on(matchMedia("(prefers-color-scheme: dark)"), "change", () => this.picture.draw());
    ui.midi.disabled = !navigator.requestMIDIAccess;
    if (ui.midi.disabled) ui.midi.title = "This browser offers MIDI only to pages on 127.0.0.1 or https";
  }

  async call(name, request) {
    const answer = await this.server[name](request);
    return answer ?? { error: "The server does not answer; see whether gradio_app.py is still running." };
  }

  async changeModel() {
    const before = this.model.model;
    this.ui.status.textContent = "Loading the model \u2026";
    const answer = await this.call("describe_model", { model: this.ui.model.value });
    if (answer.error) {
      this.ui.model.value = before;
      this.showProgress();
      this.showError(answer.error);
    } else this.showModel(answer);
  }

  showModel(model) {
    const { ui } = this;
    const [first, second] = [ui.first.value, ui.second.value];
    this.model = model;
    this.sound.setRate(model.sample_rate);
    fill(ui.first, model.instruments, first);
    fill(ui.second, model.instruments, second, "nothing");
    const { velocities } = model;
    ui.velocity.min = Math.ceil(velocities[0] ?? 1);
    ui.velocity.max = Math.floor(velocities.at(-1) ?? 127);
    this.refresh();
    this.keyboard.setRange(...model.pitches);
  }

  /** Take the controls over: another patch, so another bank. */
  refresh() {
    this.showControls();
    if (!this.ui.seed.checkValidity()) {
      this.showError(`Seed must be a whole number between 0 and ${this.ui.seed.max}.`);
      return;
    }
    this.showError("");
    const patch = { model: this.model.model, instrument: this.blend(), seed: Number(this.ui.seed.value) };
    this.bank.select(patch, Number(this.ui.velocity.value), this.model.slow);
    this.prefetch();
  }

  blend() {
    const [first, second, share] = [this.ui.first.value, this.ui.second.value, Number(this.ui.mix.value)];
    if (!second || second === first || share === 0) return { [first]: 1 };
    return share === 100 ? { [second]: 1 } : { [first]: (100 - share) / 100, [second]: share / 100 };
  }

  showControls() {
    const { ui } = this;
    ui.mix.disabled = !ui.second.value;
    ui.mixShown.textContent = ui.mix.disabled ? "" : `${100 - ui.mix.value} : ${ui.mix.value}`;
    ui.velocityShown.textContent = ui.velocity.value;
    ui.volumeShown.textContent = `${ui.volume.value} %`;
    this.sound.setVolume(ui.volume.value / 100);
  }

  onWindow() {
    const { ui, keyboard } = this;
    ui.octave.textContent = `${noteName(keyboard.base)} \u2013 ${noteName(Math.min(keyboard.base + 16, keyboard.high))}`;
    this.prefetch();
    this.showProgress();
  }

  /** Fetch the keys on the screen, those next to the hands first. */
  prefetch() {
    const hands = this.last?.pitch ?? this.keyboard.base + 8;
    this.bank.want(this.keyboard.visible.sort((a, b) => Math.abs(a - hands) - Math.abs(b - hands)));
  }

  showProgress() {
    const pitches = this.keyboard?.visible ?? [];
    let ready = 0;
    for (const pitch of pitches) {
      const state = this.bank.get(pitch) ? "ready" : this.bank.isPending(pitch) ? "loading" : "";
      this.keyboard.mark(pitch, state);
      if (state === "ready") ready += 1;
    }
    if (this.making) return;
    this.ui.progress.value = pitches.length ? ready / pitches.length : 0;
    const hint = this.bank.slow ? ", press one to make it" : "";
    this.ui.status.textContent = `${ready} of ${pitches.length} keys ready${hint}`;
  }

  /** How far the note of a slow model is: {pitch, share}, or null when it is there or was stopped. */
  showMaking(making) {
    this.making = making;
    this.ui.cancel.hidden = !making;
    if (!making) return;
    this.ui.progress.value = making.share;
    this.ui.status.textContent = `Making ${noteName(making.pitch)}: ${Math.round(100 * making.share)} %`;
  }

  showError(line) {
    this.ui.error.textContent = line;
    this.ui.error.hidden = !line;
  }

  /** Sound a note now if it is there, otherwise as soon as it has come; `time` is when the key went down. */
  async press(source, pitch, time, struck = null) {
    if (pitch < this.keyboard.low || pitch > this.keyboard.high) {
      this.showError(`${noteName(pitch)} lies outside this model's range.`);
      return;
    }
    this.release(source);
    const velocity = struck === null ? Number(this.ui.velocity.value) : nearest(this.model.velocities, struck);
    const ticket = { pitch, released: null, voice: null };
    this.held.set(source, ticket);
    let note = this.bank.get(pitch, velocity);
    const prefetched = Boolean(note);
    if (!prefetched) {
      this.keyboard.setDown(pitch, true);
      note = await this.bank.fetch(pitch, velocity);
      if (!note) return;
    }
    ticket.voice = this.sound.play(note.buffer);
    const record = { pitch, velocity, prefetched, pressedAt: time, scheduledAt: performance.now() };
    if (ticket.released !== null) this.sound.release(ticket.voice, (ticket.released - time) / 1000);
    else this.keyboard.setDown(pitch, true);
    this.showNote(note, record);
  }

  release(source) {
    const ticket = this.held.get(source);
    if (!ticket) return;
    this.held.delete(source);
    ticket.released = performance.now();
    if (ticket.voice) this.sound.release(ticket.voice);
    if (![...this.held.values()].some((other) => other.pitch === ticket.pitch)) this.keyboard.setDown(ticket.pitch, false);
  }

  releaseAll() {
    for (const source of [...this.held.keys()]) this.release(source);
  }

  showNote(note, record) {
    this.showError("");
    const samples = note.buffer.getChannelData(0);
    const rms = Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
    const { length, sampleRate } = note.buffer;
    this.presses.push({ ...record, rms, length, sampleRate, seconds: note.seconds });
    if (this.presses.length > 500) this.presses.shift();
    const blend = Object.entries(this.bank.patch.instrument);
    const name = blend.map(([n, w]) => (w === 1 ? n : `${n} ${Math.round(100 * w)} %`)).join(" + ");
    this.last = { ...note, name };
    this.ui.lastName.textContent = `${name}, ${noteName(note.pitch)}`;
    const facts = [`velocity ${note.velocity}`, `${note.buffer.duration.toFixed(2)} s at ${sampleRate / 1000} kHz`];
    facts.push(`level ${(20 * Math.log10(Math.max(rms, 1e-6))).toFixed(1)} dB`);
    if (note.seconds > 0) facts.push(`made in ${Math.round(1000 * note.seconds)} ms`);
    this.ui.lastFacts.textContent = facts.join(" \u00b7 ");
    this.ui.again.disabled = this.ui.download.disabled = false;
    this.picture.show(note);
    this.prefetch();
  }

  download() {
    const { name, pitch, velocity, buffer } = this.last;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(wavFile(buffer.getChannelData(0), buffer.sampleRate));
    link.download = `${name.replaceAll(/[^\p{L}\p{N}]+/gu, "-")}_${noteName(pitch)}_v${velocity}.wav`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  async connectMidi() {
    try {
      await connectMidi({
        onPress: (source, pitch, time, velocity) => this.press(source, pitch, time, velocity),
        onRelease: (source) => this.release(source),
        onDevices: (names) => {
          this.ui.midi.textContent = names.length ? `MIDI: ${names.join(", ")}` : "MIDI: no keyboard found";
        },
      });
    } catch (error) {
      this.showError(`MIDI could not be opened (${error.message}); allow it in the browser's settings for this page.`);
    }
  }

  close() {
    this.stop.abort();
    this.keyboard.close();
    this.picture.close();
    this.sound.close();
  }
}

/** Put names into a select, keeping `chosen` where it is still there. */
function fill(select, names, chosen, none = null) {
  const options = names.map((name) => new Option(name, name));
  if (none !== null) options.unshift(new Option(none, ""));
  select.replaceChildren(...options);
  if (names.includes(chosen)) select.value = chosen;
}

/** Give the letters back to the piano once a choice has been made with the pointer; arrow keys keep the focus. */
function leaveAfterPointer(select, on) {
  let pointed = false;
  on(select, "pointerdown", () => (pointed = true));
  on(select, "keydown", () => (pointed = false));
  on(select, "change", () => pointed && select.blur());
}

window.synthgen?.close();
window.synthgen = new Page(element, server, props.config);
