import { setTimeout as sleep } from "node:timers/promises";
import { waitMs } from "./wait.js";

const RETRIED = new Set([429, 503]);

/** Like fetch, but tries again up to `retries` times while the server is busy. */
export async function patientFetch(url, { retries = 3, fetch = globalThis.fetch, sleepMs = sleep, ...options } = {}) {
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(url, options);
    if (!RETRIED.has(response.status) || attempt > retries) return response;
    await sleepMs(waitMs(response, attempt, options));
  }
}
