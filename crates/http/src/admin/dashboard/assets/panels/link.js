// How the connection is that brings the samples.

import { reason } from "../js/api.js";
import { note } from "../js/confirm.js";
import { byId, setText } from "../js/dom.js";

export class Link {
  #timer = null;
  #was = null;
  #listeners = new AbortController();

  constructor(retry) {
    byId("retry").addEventListener("click", retry, { signal: this.#listeners.signal });
    this.state({ name: "connecting", again: false });
  }

  state(state) {
    if (state.name === "live" && this.#was === "live") return;
    clearInterval(this.#timer);
    const lost = state.name === "waiting" || (state.name === "connecting" && state.again);
    byId("signed-in").classList.toggle("stale", lost);
    byId("link-state").dataset.state = lost ? "lost" : state.name;
    setText(byId("link-state"), lost ? "Not connected" : state.name === "live" ? "Live" : "Connecting");
    if (state.name === "live") {
      const focused = byId("link-notice").contains(document.activeElement);
      byId("link-notice").hidden = true;
      if (focused) byId("main").focus();
      if (this.#was === "lost") note("The connection is back.");
    }
    if (state.name === "waiting") {
      const why = state.error === null ? "The server has ended the connection." : reason(state.error);
      const say = () => {
        const seconds = Math.max(0, Math.ceil((state.until - Date.now()) / 1000));
        setText(byId("link-reason"), `${why} The numbers below are the last ones received. Next try in ${seconds} s.`);
      };
      say();
      this.#timer = setInterval(say, 1_000);
      byId("link-notice").hidden = false;
      // Said once, and not again with each try.
      if (this.#was !== "lost") note("The connection is lost. Trying again.");
    }
    if (state.name === "connecting" && state.again) {
      setText(byId("link-reason"), "The numbers below are the last ones received. Connecting…");
    }
    this.#was = lost ? "lost" : state.name;
  }

  stop() {
    clearInterval(this.#timer);
    this.#listeners.abort();
    byId("link-notice").hidden = true;
    byId("signed-in").classList.remove("stale");
  }
}
