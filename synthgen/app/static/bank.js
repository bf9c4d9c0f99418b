/**
 * The notes of the page: fetched in the background nearest key first, or at once for a key that is pressed.
 *
 * A patch is all that a note depends on but its pitch and velocity: {model, instrument: {name: weight}, seed}. At most two
 * requests are under way: one for a pressed key and one of the background, which starts no other while a key waits.
 */
class Bank {
  constructor({ ask, watch, stop, onChange, onError, onMaking, capacity = 320 }) {
    this.ask = ask;
    this.watch = watch;
    this.stop = stop;
    this.onChange = onChange;
    this.onError = onError;
    this.onMaking = onMaking;
    this.capacity = capacity;
    this.notes = new Map();
    this.pending = new Map();
    this.pressed = [];
    this.wanted = [];
    this.background = 0;
    this.foreground = 0;
    this.generation = 0;
    this.requests = 0;
    this.patch = null;
    this.slow = false;
    this.tickets = new Set();
  }

  /**
   * Change to another patch and velocity; what was asked for and has not been sent is dropped. A slow patch fetches nothing in
   * the background, and what it makes is watched and can be stopped.
   */
  select(patch, velocity, slow = false) {
    this.generation += 1;
    this.cancel();
    this.patch = patch;
    this.velocity = velocity;
    this.slow = slow;
    this.onChange();
  }

  /** Stop what a slow patch is making, and drop what waits. */
  cancel() {
    this.wanted = [];
    this.pressed.splice(0).forEach((job) => job.resolve(null));
    return Promise.all([...this.tickets].map((ticket) => this.stop({ ticket })));
  }

  /** Keys to fetch in the background at the patch's velocity, the first one first. */
  want(pitches) {
    this.wanted = this.slow ? [] : pitches.filter((pitch) => !this.get(pitch));
    this.pump();
  }

  get(pitch, velocity = this.velocity) {
    return this.notes.get(this.name(pitch, velocity));
  }

  isPending(pitch, velocity = this.velocity) {
    return this.pending.has(this.name(pitch, velocity));
  }

  /** The note of a pressed key, ahead of the background; null if the patch changes meanwhile or it cannot be made. */
  fetch(pitch, velocity = this.velocity) {
    const generation = this.generation;
    return new Promise((resolve) => {
      this.pressed.push({ pitch, velocity, resolve });
      this.pump();
    }).then((note) => (generation === this.generation ? note : null));
  }

  name(pitch, velocity) {
    return JSON.stringify([this.patch, pitch, velocity]);
  }

  pump() {
    while (this.pressed.length && this.foreground < 1) {
      const job = this.pressed.shift();
      this.foreground += 1;
      this.request(job.pitch, job.velocity, true).then((note) => {
        this.foreground -= 1;
        job.resolve(note);
        this.pump();
      });
    }
    if (this.foreground || this.background || !this.wanted.length) return;
    const pitch = this.wanted.shift();
    this.background += 1;
    this.request(pitch, this.velocity, false).then(() => {
      this.background -= 1;
      this.pump();
    });
  }

  request(pitch, velocity, pressed) {
    const name = this.name(pitch, velocity);
    const known = this.notes.get(name) ?? this.pending.get(name);
    if (known) return Promise.resolve(known);
    const promise = this.receive(name, pitch, velocity, pressed).finally(() => {
      this.pending.delete(name);
      this.onChange();
    });
    this.pending.set(name, promise);
    this.onChange();
    return promise;
  }

  async receive(name, pitch, velocity, pressed) {
    const generation = this.generation;
    this.requests += 1;
    const request = { ...this.patch, pitch, velocity, pressed };
    const answer = this.slow ? await this.follow(request) : await this.ask(request);
    if (answer.stopped) return null;
    if (answer.error) {
      if (generation === this.generation) {
        this.wanted = [];
        this.onError(answer.error);
      }
      return null;
    }
    const samples = decodePcm(answer.pcm);
    const buffer = new AudioBuffer({ length: samples.length, sampleRate: answer.sample_rate });
    buffer.copyToChannel(samples, 0);
    const note = { buffer, pitch, velocity, seconds: answer.seconds };
    this.notes.set(name, note);
    if (this.notes.size > this.capacity) this.notes.delete(this.notes.keys().next().value);
    return note;
  }

  /** Ask for a note that takes its time, and tell the page how far it is. */
  async follow(request) {
    const ticket = `${Date.now()}-${Math.random()}`;
    this.tickets.add(ticket);
    this.onMaking({ pitch: request.pitch, share: 0 });
    const timer = setInterval(async () => {
      const { done, total } = await this.watch({ ticket });
      if (total && this.tickets.has(ticket)) this.onMaking({ pitch: request.pitch, share: done / total });
    }, 200);
    try {
      return await this.ask({ ...request, ticket });
    } finally {
      clearInterval(timer);
      this.tickets.delete(ticket);
      this.onMaking(null);
    }
  }
}
