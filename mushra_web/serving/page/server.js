// Requests to the server.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10000;
const TIMEOUT_MS = 30000;

/** An answer other than success; status 0 stands for no answer at all. */
export class ServerError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }

  /** Whether the same request may succeed later. */
  get mayPass() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** The JSON that the server answers with. */
export async function call(method, path, { token = null, content = undefined } = {}) {
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (content !== undefined) headers["Content-Type"] = "application/json";
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
  let response, body;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: content === undefined ? undefined : JSON.stringify(content),
      signal: abort.signal,
      cache: "no-store",
    });
    body = await response.json().catch(() => ({}));
  } catch {
    throw new ServerError(0, "The server does not answer.");
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) throw new ServerError(response.status, body.error ?? response.statusText);
  return body;
}

/** Wait longer after each failure; a browser that comes back online waits no more. */
export function waitBetween(attempt) {
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt) * (0.75 + Math.random() / 2);
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, wait);
    addEventListener("online", done);
  });
}
