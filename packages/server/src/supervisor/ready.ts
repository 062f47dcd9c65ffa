import { get } from "node:http";
import { setTimeout } from "node:timers/promises";
import { type Address, reachable } from "./address.ts";

const POLL_MS = 50;
const PATIENCE_MS = 10_000;

/** Returns once tasks would run. What is missing is said when it takes long, and again whenever it changes. Rejects with the signal's reason. */
export async function untilReady(address: Address, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const patience = performance.now() + PATIENCE_MS;
  for (let told = ""; ; ) {
    signal.throwIfAborted();
    const missing = (await whatIsMissing(address, signal)) ?? ["the API does not answer"];
    if (missing.length === 0) return;
    const words = missing.join("; ");
    if (performance.now() > patience && words !== told) {
      told = words;
      say(`Not ready yet: ${words}`);
    }
    await setTimeout(POLL_MS);
  }
}

/** What stands between the service at this address and its next task, in words; empty = ready, null = no Farhand answers there. */
export async function whatIsMissing(address: Address, signal: AbortSignal): Promise<string[] | null> {
  return new Promise((done) => {
    const fail = () => done(null);
    const request = get(
      { host: reachable(address), port: address.port, path: "/readyz", signal, timeout: 5000, agent: false },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (text: string) => (body = (body + text).slice(0, 10_000)));
        response.on("error", fail);
        response.on("end", () => done(response.statusCode === 200 ? [] : missingIn(body)));
      },
    );
    request.on("timeout", () => request.destroy());
    request.on("error", fail);
  });
}

function missingIn(body: string): string[] | null {
  try {
    const { missing } = JSON.parse(body) as { missing?: unknown };
    return Array.isArray(missing) && missing.length > 0 ? missing.map(String) : null;
  } catch {
    return null;
  }
}
