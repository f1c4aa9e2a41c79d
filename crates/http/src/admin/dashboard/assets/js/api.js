// Requests to the management API, which lies beside this page.

const BASE = new URL("../", new URL(".", location.href));

/** What the API answered in place of what was asked for. */
export class ApiError extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.detail ?? problem.title ?? `The server answered with status ${status}.`);
    this.status = status;
    this.problem = problem;
    /** Seconds, or null. */
    this.retryAfter = retryAfter;
  }
}

export class Api {
  #token;

  constructor(token) {
    this.#token = token;
  }

  /** The response to a request, of which only the head has arrived; statuses in `also` are no errors. */
  async open(path, { method = "GET", body, signal, also = [] } = {}) {
    const headers = {};
    if (this.#token) headers.authorization = `Bearer ${this.#token}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    const response = await fetch(new URL(path, BASE), {
      method,
      headers,
      signal,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "same-origin",
      redirect: "error",
    });
    if (response.ok || also.includes(response.status)) return response;
    throw new ApiError(response.status, await problem(response), seconds(response.headers.get("retry-after")));
  }

  async get(path, options) {
    return (await this.open(path, options)).json();
  }

  async post(path, body) {
    return (await this.open(path, { method: "POST", body })).json();
  }
}

async function problem(response) {
  try {
    const body = await response.json();
    return typeof body === "object" && body !== null ? body : {};
  } catch {
    // A proxy in between answers with pages of its own.
    return {};
  }
}

function seconds(text) {
  const value = Number(text);
  return text !== null && Number.isFinite(value) ? value : null;
}

/** A sentence about an error for the person in front of the page. */
export function reason(error) {
  if (error instanceof ApiError) return error.message;
  if (error instanceof TypeError) return "The server could not be reached.";
  return String(error?.message ?? error);
}
