// A browser's profile with the page of the shortener in it.

import { Desk } from "../desk.mjs";

/** As `mod.rs` starts the service. */
export const LOGIN = { email: "demo@example.org", password: "a-password-for-checks" };

export class ShortenerDesk extends Desk {
  // The page asks who is signed in before anybody is.
  expected = [/status of 401/];

  get url() {
    return `${this.wire.base}/`;
  }

  /** Fills in the form and sends it. */
  async send({ email, password }) {
    await this.page.locator("#email").fill(email);
    await this.page.locator("#password").fill(password);
    await this.page.keyboard.press("Enter");
  }

  /** Opens the page and signs in; returns when the links are there. */
  async signIn(options = {}) {
    const page = await this.open(options);
    await this.send(LOGIN);
    await this.listed();
    return page;
  }

  /** Returns when the links are there. */
  async listed() {
    await this.page.locator("#rows tr").first().waitFor();
  }
}
