// What is between the browser and the service: it can be cut, and it can be held.

import { connect, createServer } from "node:net";

export class Wire {
  #server;
  #pairs = new Set();
  #state = "whole";
  #port = 0;
  /** When connections are taken. */
  ready;

  constructor(to) {
    const { hostname, port } = new URL(to);
    this.#server = createServer((near) => {
      if (this.#state === "cut") {
        near.destroy();
        return;
      }
      const far = connect(port, hostname);
      const pair = { near, far };
      this.#pairs.add(pair);
      const end = () => {
        near.destroy();
        far.destroy();
        this.#pairs.delete(pair);
      };
      for (const socket of [near, far]) socket.on("error", end).on("close", end);
      near.pipe(far);
      far.on("data", (data) => {
        if (this.#state !== "held") near.write(data);
      });
    });
    this.ready = new Promise((resolve) => {
      this.#server.listen(0, "127.0.0.1", () => {
        this.#port = this.#server.address().port;
        resolve();
      });
    });
  }

  get base() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Ends all connections, and those that are made. */
  cut() {
    this.#state = "cut";
    this.#end();
  }

  /** Loses what the service sends. */
  hold() {
    this.#state = "held";
  }

  /** Lets all through again. Connections that have lost something are ended. */
  mend() {
    if (this.#state === "held") this.#end();
    this.#state = "whole";
  }

  #end() {
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  end() {
    this.#end();
    this.#server.close();
  }
}
