/** How long to wait before attempt number `attempt` (from 1), in milliseconds. `now` is a date in milliseconds. */
export function waitMs(response, attempt, { baseMs = 500, maxWaitMs = 60_000, now = Date.now() } = {}) {
  const header = response.headers.get("retry-after");
  const wanted = header === null ? baseMs * 2 ** (attempt - 1) : retryAfterMs(header, now);
  return Math.min(wanted, maxWaitMs);
}

function retryAfterMs(header, now) {
  const seconds = parseInt(header, 10);
  return seconds * 1000 || 0;
}
