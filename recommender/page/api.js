// Requests to the service that this page comes from.

const TIMEOUT_MS = 10_000;
const TOKEN = "playlist-token";

/**
 * A request that was not answered as hoped. `kind` tells what can be done: "away", "busy", "no-model" and "fault" may pass, "token"
 * needs one, and "refused" stays so. `retryAfter` is in milliseconds, and 0 when the service names no time.
 */
export class ServiceError extends Error {
  constructor(kind, message, retryAfter = 0) {
    super(message);
    this.kind = kind;
    this.retryAfter = retryAfter;
  }
}

/** Uses this bearer token from now on, until the tab is closed. */
export function useToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

/** Whether a token was given, which the service then did not like. */
export function hasToken() {
  return sessionStorage.getItem(TOKEN) !== null;
}

/** Asks `path`, with a JSON body if there is one, and returns the answer. Aborts with `signal`. */
export async function ask(path, signal, body) {
  const headers = { Accept: "application/json" };
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  let response, answer;
  try {
    response = await fetch(path, {
      method: body ? "POST" : "GET",
      headers,
      body: body && JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      // Nothing of an answer shall outlive its model.
      cache: "no-store",
    });
    answer = await response.text();
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ServiceError("away", String(error));
  }
  let json;
  try {
    json = JSON.parse(answer);
  } catch {
    // What stands between the page and the service has answered.
    throw new ServiceError("away", `${response.status} ${response.statusText}`);
  }
  if (response.ok) return json;
  throw failure(response, json.error ?? {});
}

/** What an error of the service means; docs/rest.md has them all. */
function failure(response, { status, message = "", details = [] }) {
  const detail = (name) => details.find((it) => it["@type"]?.endsWith(name)) ?? {};
  const delay = parseFloat(detail("RetryInfo").retry_delay ?? response.headers.get("Retry-After") ?? "0");
  return new ServiceError(kind(response.status, status, detail("ErrorInfo").reason), message, delay * 1000 || 0);
}

function kind(code, status, reason) {
  if (reason === "NO_MODEL") return "no-model";
  if (code === 401) return "token";
  if (code === 429 || code === 504) return "busy";
  if (code === 502 || code === 503) return "away";
  return code >= 500 ? "fault" : "refused";
}
