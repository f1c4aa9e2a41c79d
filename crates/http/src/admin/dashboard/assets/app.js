// The page's parts put together: who is signed in, what arrives, what is shown.

import { ApiError, reason } from "./js/api.js";
import { closeConfirm } from "./js/confirm.js";
import { byId, setOptions } from "./js/dom.js";
import { Events } from "./js/events.js";
import { span } from "./js/format.js";
import { History } from "./js/history.js";
import { Poll } from "./js/poll.js";
import { Session } from "./js/session.js";
import { Caches } from "./panels/caches.js";
import { Changes } from "./panels/changes.js";
import { Functions } from "./panels/functions.js";
import { Health } from "./panels/health.js";
import { Keys } from "./panels/keys.js";
import { Link } from "./panels/link.js";
import { Live } from "./panels/live.js";
import { Overview } from "./panels/overview.js";
import { Rules } from "./panels/rules.js";

/** All that runs while somebody is signed in; returns what ends it. */
function run({ api, scope }) {
  const history = new History();
  const changes = scope === "admin" ? new Changes(api, () => polls.forEach((poll) => poll.now())) : null;
  const overview = new Overview();
  const live = new Live(history);
  const caches = new Caches(byId("caches"), history, changes && ((name) => changes.clear(name)));
  const keys = new Keys(api, byId("keys"),
    changes && ((cache, key) => changes.invalidate({ cache, key }, `key “${key}” in ${cache}`)));
  const rules = new Rules(byId("rules"));
  const functions = new Functions(byId("functions"));
  const health = new Health();
  const link = new Link(() => events.retry());
  const ends = new AbortController();

  // A token that is no longer accepted ends the session; all else is tried again.
  const refused = (error) => {
    if (!(error instanceof ApiError) || error.status !== 401) return false;
    session.end("The token is no longer accepted.");
    return true;
  };
  const poll = (milliseconds, path, panel, options) => new Poll(milliseconds, async () => {
    try {
      panel.show(await api.get(path, options));
    } catch (error) {
      if (!ends.signal.aborted && !refused(error)) panel.fail(reason(error));
    }
  });

  const performance = {
    windows: [],
    show({ windows }) {
      this.windows = windows;
      setOptions(byId("window"),
        windows.map(({ window_seconds: n }) => ({ value: String(n), label: span(n) })));
      const chosen = windows.find(({ window_seconds: n }) => String(n) === byId("window").value);
      if (chosen === undefined) return;
      overview.performance(chosen);
      caches.performance(chosen);
    },
    fail() {
      // The samples beside it say what is wrong with the connection.
    },
  };
  byId("window").addEventListener("change", () => performance.show(performance), { signal: ends.signal });

  const polls = [
    poll(5_000, "health/", health, { also: [503] }),
    poll(5_000, "performance/", performance),
    poll(3_000, "rules/", rules),
    poll(5_000, "functions/", functions),
  ];
  const events = new Events(
    (signal) => api.open("events/", { signal }),
    {
      event(name, data) {
        if (name !== "sample") return;
        const sample = JSON.parse(data);
        history.add(sample);
        overview.sample(sample, history);
        live.draw();
        caches.sample(sample);
        keys.sample(sample);
        changes?.sample(sample);
      },
      state: (state) => link.state(state),
      refused,
    },
  );
  addEventListener("online", () => events.retry(), { signal: ends.signal });
  document.addEventListener("visibilitychange", () => polls.forEach((poll) => poll.now()), { signal: ends.signal });

  return () => {
    ends.abort();
    events.stop();
    polls.forEach((poll) => poll.stop());
    keys.stop();
    link.stop();
    changes?.stop();
    closeConfirm();
  };
}

let end = () => {};
const session = new Session({
  enter(signedIn) {
    end();
    end = run(signedIn);
  },
  leave() {
    end();
    end = () => {};
  },
});
byId("host").textContent = location.host;
session.begin();
