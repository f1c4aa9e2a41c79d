// The dialog that stands before each change, and the note that follows it.

import { reason } from "./api.js";
import { byId, setText } from "./dom.js";

const dialog = byId("confirm");
const yes = byId("confirm-yes");
let current = null;

byId("confirm-no").addEventListener("click", () => dialog.close());
yes.addEventListener("click", () => current?.confirm());
dialog.addEventListener("close", () => {
  current = null;
});

/**
 * Asks before a change. `count()` promises `{ text, button }`, what would be done; `act()` does it and promises what to
 * say of it. Until the count is there nothing can be confirmed. Focus begins at Cancel and goes back to where it was.
 */
export function confirm({ title, count, act }) {
  const mine = { confirm: () => {} };
  current = mine;
  setText(byId("confirm-title"), title);
  setText(byId("confirm-text"), "Counting…");
  setText(byId("confirm-error"), "");
  setText(yes, "Please wait");
  yes.disabled = true;
  dialog.showModal();
  byId("confirm-no").focus();
  const here = () => current === mine;
  const fail = (error) => {
    if (here()) setText(byId("confirm-error"), reason(error));
  };
  count().then(({ text, button }) => {
    if (!here()) return;
    setText(byId("confirm-text"), text);
    setText(yes, button);
    yes.disabled = false;
    mine.confirm = async () => {
      yes.disabled = true;
      try {
        const said = await act();
        if (here()) dialog.close();
        note(said);
      } catch (error) {
        fail(error);
        if (!here()) note(reason(error));
        yes.disabled = false;
      }
    };
  }, (error) => {
    if (here()) setText(byId("confirm-text"), "What would be removed could not be counted.");
    fail(error);
  });
}

export function closeConfirm() {
  if (dialog.open) dialog.close();
}

let fading;

/** Says what has happened, for eyes and for screen readers. */
export function note(text) {
  const notes = byId("notes");
  clearTimeout(fading);
  notes.textContent = text;
  fading = setTimeout(() => {
    notes.textContent = "";
  }, 8_000);
}
