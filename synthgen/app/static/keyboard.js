const NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
const TYPING = [..."awsedftgyhujkolp;"];
const CODES = TYPING.map((letter) => (letter === ";" ? "Semicolon" : `Key${letter.toUpperCase()}`));
const NARROWEST_KEY = 32;

const isBlack = (pitch) => [1, 3, 6, 8, 10].includes(pitch % 12);
const noteName = (pitch) => `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;

/**
 * The piano: as many octaves as fit, played by pointer, by the letters A to L, or by arrow keys and space.
 *
 * `onPress(source, pitch, time)` and `onRelease(source)` name what holds a key down ("pointer 1", "KeyA"), so that one key
 * may be held twice; `onWindow()` says that other keys are shown.
 */
class Keyboard {
  constructor(element, { onPress, onRelease, onWindow, signal }) {
    Object.assign(this, { element, onPress, onRelease, onWindow });
    this.low = 0;
    this.high = 127;
    this.base = 60;
    this.keys = new Map();
    this.pointers = new Map();
    this.listen(signal);
    this.observer = new ResizeObserver(() => this.arrange());
    this.observer.observe(element);
  }

  /** Play from `low` to `high`, MIDI numbers; keys outside are shown grey or not at all. */
  setRange(low, high) {
    this.low = Math.ceil(low);
    this.high = Math.floor(high);
    this.start = 12 * Math.floor(this.low / 12);
    this.end = this.high % 12 === 0 ? this.high : 12 * Math.floor(this.high / 12) + 11;
    this.moveTo(this.base, true);
  }

  /** Put the letters on another octave, as far as the range allows. */
  moveTo(base, force = false) {
    const highest = Math.max(this.start, 12 * Math.floor(this.high / 12) - (this.high % 12 < 4 ? 12 : 0));
    const next = Math.min(Math.max(base, this.start), highest);
    if (next === this.base && !force) return;
    this.base = next;
    this.arrange(true);
  }

  /** The keys on the screen that can be played. */
  get visible() {
    return [...this.keys.keys()].filter((pitch) => pitch >= this.low && pitch <= this.high);
  }

  arrange(force = false) {
    if (this.start === undefined) return;
    const [first, last] = this.window();
    if (!force && first === this.first && last === this.last) return;
    for (const source of [...this.pointers.keys()]) this.lift(source);
    Object.assign(this, { first, last });
    this.build();
    this.onWindow();
  }

  /** First and last pitch to show: the whole range if it fits, otherwise as many keys as do, the letters among them. */
  window() {
    const fits = Math.max(8, Math.floor(this.element.clientWidth / NARROWEST_KEY));
    const whites = [];
    for (let pitch = this.start; pitch <= this.end; pitch++) if (!isBlack(pitch)) whites.push(pitch);
    const before = 7 * Math.floor(Math.max(fits - 10, 0) / 14);
    const wish = whites.indexOf(this.base) - before;
    const index = Math.min(Math.max(wish, 0), Math.max(whites.length - fits, 0));
    return [whites[index], whites[Math.min(index + fits, whites.length) - 1]];
  }

  build() {
    const focused = this.element.contains(document.activeElement);
    this.element.replaceChildren();
    this.keys.clear();
    const pitches = Array.from({ length: this.last - this.first + 1 }, (_, i) => this.first + i);
    const width = 100 / pitches.filter((p) => !isBlack(p)).length;
    let white = 0;
    for (const pitch of pitches) {
      const key = this.makeKey(pitch);
      key.style.width = `${isBlack(pitch) ? 0.62 * width : width}%`;
      key.style.left = `${(isBlack(pitch) ? white - 0.31 : white) * width}%`;
      if (!isBlack(pitch)) white += 1;
      this.keys.set(pitch, key);
      this.element.append(key);
    }
    const entry = this.keys.get(this.base) ?? this.keys.get(this.visible[0]);
    if (entry) entry.tabIndex = 0;
    if (focused) entry?.focus();
  }

  makeKey(pitch) {
    const key = document.createElement("button");
    key.type = "button";
    key.className = `sg-key ${isBlack(pitch) ? "sg-black" : "sg-white"}`;
    key.dataset.pitch = pitch;
    key.tabIndex = -1;
    key.disabled = pitch < this.low || pitch > this.high;
    key.setAttribute("aria-label", noteName(pitch));
    const letter = TYPING[pitch - this.base];
    if (letter && !key.disabled) key.append(span("sg-letter", letter.toUpperCase()));
    if (pitch % 12 === 0) key.append(span("sg-name", noteName(pitch)));
    key.append(span("sg-dot", ""));
    return key;
  }

  /** Show whether a key's note is there ("ready"), under way ("loading") or neither (""). */
  mark(pitch, state) {
    const key = this.keys.get(pitch);
    key.classList.toggle("sg-ready", state === "ready");
    key.classList.toggle("sg-loading", state === "loading");
    key.setAttribute("aria-label", state ? `${noteName(pitch)}, ${state}` : noteName(pitch));
  }

  setDown(pitch, down) {
    this.keys.get(pitch)?.classList.toggle("sg-down", down);
  }

  listen(signal) {
    const on = (target, type, handler) => target.addEventListener(type, handler, { signal });
    on(this.element, "pointerdown", (event) => this.pointAt(event, true));
    on(window, "pointermove", (event) => this.pointAt(event, false));
    for (const type of ["pointerup", "pointercancel"]) on(window, type, (event) => this.lift(event.pointerId));
    on(this.element, "contextmenu", (event) => event.preventDefault());
    on(window, "keydown", (event) => this.typed(event));
    on(window, "keyup", (event) => this.onRelease(event.code));
  }

  pointAt(event, isNew) {
    const id = event.pointerId;
    if (isNew ? event.button !== 0 : !this.pointers.has(id)) return;
    const under = isNew ? event.target : document.elementFromPoint(event.clientX, event.clientY);
    if (isNew && under.hasPointerCapture?.(id)) under.releasePointerCapture(id);
    const key = under?.closest?.(".sg-key");
    const pitch = key && this.element.contains(key) && !key.disabled ? Number(key.dataset.pitch) : null;
    if (!isNew && pitch === this.pointers.get(id)) return;
    this.onRelease(`pointer ${id}`);
    this.pointers.set(id, pitch);
    if (pitch !== null) this.onPress(`pointer ${id}`, pitch, event.timeStamp);
  }

  lift(id) {
    if (this.pointers.delete(id)) this.onRelease(`pointer ${id}`);
  }

  typed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.code === "KeyZ" || event.code === "KeyX") {
      if (!event.repeat) this.moveTo(this.base + (event.code === "KeyZ" ? -12 : 12));
      return;
    }
    const focused = event.target.closest?.(".sg-key");
    const arrow = { ArrowLeft: -1, ArrowRight: 1 }[event.code];
    if (focused && arrow) this.step(focused, arrow);
    const plays = focused && ["Space", "Enter"].includes(event.code);
    const index = CODES.indexOf(event.code);
    const pitch = plays ? Number(focused.dataset.pitch) : index < 0 ? null : this.base + index;
    if (pitch === null) return;
    event.preventDefault();
    if (!event.repeat && pitch >= this.low && pitch <= this.high) this.onPress(event.code, pitch, event.timeStamp);
  }

  step(focused, by) {
    const next = this.keys.get(Number(focused.dataset.pitch) + by);
    if (!next || next.disabled) return;
    focused.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  close() {
    this.observer.disconnect();
  }
}

function span(className, text) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}

/** Whether letters typed into an element are meant for it. */
function isTyping(element) {
  return element.matches?.("textarea, select, [contenteditable], input:not([type=range])") ?? false;
}
