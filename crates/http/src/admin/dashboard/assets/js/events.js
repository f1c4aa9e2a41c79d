// Server-sent events, read through fetch: EventSource cannot send the header with the token.

/** A connection on which nothing arrives for so long is taken for dead; there is a sample each second. */
const SILENCE_MS = 10_000;
const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 30_000;

/**
 * Reads the stream `open(signal)` until `stop()`, and opens it again when it ends. `on.event(name, data)` gets the
 * events, `on.state({ name, ... })` how the connection is: `connecting`, `live`, or `waiting` with `error` and `until`.
 * `on.refused(error)` decides whether an error is final.
 */
export class Events {
  #open;
  #on;
  #abort = new AbortController();
  #wake = () => {};
  #failures = 0;

  constructor(open, on) {
    this.#open = open;
    this.#on = on;
    this.#run();
  }

  stop() {
    this.#abort.abort();
    this.#wake();
  }

  /** Ends a wait for the next try. */
  retry() {
    this.#wake();
  }

  async #run() {
    while (!this.#abort.signal.aborted) {
      let error = null;
      try {
        this.#on.state({ name: "connecting", again: this.#failures > 0 });
        await this.#connection();
      } catch (thrown) {
        error = thrown;
      }
      if (this.#abort.signal.aborted) return;
      if (error !== null && this.#on.refused(error)) return;
      const delay = this.#delay();
      this.#failures += 1;
      this.#on.state({ name: "waiting", error, until: Date.now() + delay });
      await this.#sleep(delay);
    }
  }

  async #connection() {
    const connection = new AbortController();
    const signal = AbortSignal.any([connection.signal, this.#abort.signal]);
    let silence;
    const alive = () => {
      clearTimeout(silence);
      silence = setTimeout(() => connection.abort(new Error("Nothing has arrived for ten seconds.")), SILENCE_MS);
    };
    alive();
    try {
      const response = await this.#open(signal);
      for await (const { name, data } of parse(response.body.pipeThrough(new TextDecoderStream()), alive)) {
        this.#failures = 0;
        this.#on.state({ name: "live" });
        this.#on.event(name, data);
      }
    } finally {
      clearTimeout(silence);
      connection.abort();
    }
  }

  /** Doubles with each failure; the random part keeps pages from coming back all at once. */
  #delay() {
    const longest = Math.min(FIRST_DELAY_MS * 2 ** this.#failures, LONGEST_DELAY_MS);
    return longest * (0.75 + Math.random() / 4);
  }

  #sleep(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** The events of a stream of text, as the HTML standard takes it apart. */
export async function* parse(stream, arrived = () => {}) {
  const reader = stream.getReader();
  let rest = "";
  let name = "";
  let data = [];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      arrived();
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      for (const line of lines) {
        if (line === "") {
          if (data.length > 0) yield { name: name || "message", data: data.join("\n") };
          name = "";
          data = [];
          continue;
        }
        const colon = line.indexOf(":");
        const field = colon < 0 ? line : line.slice(0, colon);
        const text = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (field === "event") name = text;
        else if (field === "data") data.push(text);
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
