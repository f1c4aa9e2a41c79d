// What is asked for again and again, as long as somebody looks at the page.

export class Poll {
  #task;
  #milliseconds;
  #timer = null;
  #running = false;
  #again = false;
  #stopped = false;

  constructor(milliseconds, task) {
    this.#task = task;
    this.#milliseconds = milliseconds;
    this.now();
  }

  /** Asks at once, or as soon as the request that is under way has been answered. */
  async now() {
    if (this.#stopped) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#running = true;
    if (!document.hidden) await this.#task();
    this.#running = false;
    if (this.#stopped) return;
    this.#timer = setTimeout(() => this.now(), this.#again ? 0 : this.#milliseconds);
    this.#again = false;
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
