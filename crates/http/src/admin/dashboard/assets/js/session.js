// Who is signed in: the token, for as long as the tab is open.

import { Api, ApiError, reason } from "./api.js";
import { byId } from "./dom.js";
import { span } from "./format.js";

const KEY = "larder.token";

/** Calls `enter({ api, scope })` once somebody has signed in and `leave()` when that is over. */
export class Session {
  #enter;
  #leave;
  #form = byId("sign-in");
  #input = byId("token");
  #error = byId("sign-in-error");

  constructor({ enter, leave }) {
    this.#enter = enter;
    this.#leave = leave;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    byId("sign-out").addEventListener("click", () => this.end(""));
  }

  /** Goes on with the token of this tab, or without one where the server asks for none. */
  async begin() {
    const token = sessionStorage.getItem(KEY);
    try {
      const api = new Api(token);
      const { scope } = await api.get("session/");
      if (scope !== null) this.#start(api, scope, false);
      else this.end("");
    } catch (error) {
      this.end(token === null ? reason(error) : explain(error));
    }
  }

  /** Signs out; `why` is said in the form. */
  end(why) {
    sessionStorage.removeItem(KEY);
    this.#leave();
    byId("signed-in").hidden = true;
    byId("signed-out").hidden = false;
    byId("top-state").hidden = true;
    byId("sign-out").hidden = true;
    byId("foot").hidden = true;
    this.#fail(why);
    this.#input.value = "";
    this.#input.focus();
  }

  async #submit() {
    const token = this.#input.value.trim();
    if (token === "") return this.#refuse("Enter a token.");
    const button = this.#form.querySelector("button");
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    try {
      const api = new Api(token);
      const { scope } = await api.get("session/");
      sessionStorage.setItem(KEY, token);
      this.#start(api, scope, true);
    } catch (error) {
      this.#refuse(explain(error));
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }

  #start(api, scope, focus) {
    this.#fail("");
    this.#input.value = "";
    byId("signed-out").hidden = true;
    byId("signed-in").hidden = false;
    byId("top-state").hidden = false;
    byId("foot").hidden = false;
    byId("sign-out").hidden = sessionStorage.getItem(KEY) === null;
    byId("scope-state").hidden = scope === "admin";
    for (const element of document.querySelectorAll(".change")) element.hidden = scope !== "admin";
    if (focus) byId("main").focus();
    this.#enter({ api, scope });
  }

  #refuse(message) {
    this.#fail(message);
    this.#input.focus();
    this.#input.select();
  }

  #fail(message) {
    this.#error.textContent = message;
    if (message === "") this.#input.removeAttribute("aria-invalid");
    else this.#input.setAttribute("aria-invalid", "true");
  }
}

function explain(error) {
  if (!(error instanceof ApiError)) return reason(error);
  if (error.status === 401) return "The server does not know this token.";
  if (error.status === 429) {
    const wait = error.retryAfter === null ? "later" : `in ${span(error.retryAfter)}`;
    return `Too many failed tries. Try again ${wait}.`;
  }
  return reason(error);
}
