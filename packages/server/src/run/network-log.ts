import type { NetworkPolicy, NetworkRequested } from "@farhand/protocol";
import { allowedDomains } from "../domain/network-presets.ts";
import type { NetworkRequest, NetworkRule, NetworkWatch } from "../sandbox/sandbox.ts";
import type { RunLog } from "./run-log.ts";

/** What a policy means for a sandbox. */
export function ruleOf(policy: NetworkPolicy): NetworkRule {
  if (policy.kind !== "allow") return policy;
  return { kind: "allow", domains: allowedDomains(policy), ports: policy.ports };
}

/** Takes the requests of a run's sandbox into its log. Disposal, after the sandbox has ended, stores what is still counted here. */
export interface NetworkLog extends NetworkWatch, AsyncDisposable {
  /** The requests refused since it was last called, the equal ones once. */
  refusals(): readonly NetworkRequest[];
}

/** Different requests of one run that are told one by one; the rest only as a number. */
export const MOST_KINDS = 300;
const COUNT_EVERY_MS = 5000;

type Kind = { event: Omit<NetworkRequested, "count" | "bytes" | "phase">; count: number; bytes: number };

/** The first of a kind is stored at once, equal ones are counted and stored every few seconds: a run may make thousands. */
export function networkLog({ append }: Pick<RunLog, "append">, phase: "setup" | "agent", countEveryMs = COUNT_EVERY_MS): NetworkLog {
  const mark = phase === "setup" ? { phase } : {};
  const kinds = new Map<string, Kind>();
  let refused = new Map<string, NetworkRequest>();
  let timer: NodeJS.Timeout | null = null;
  let stored: Promise<void> = Promise.resolve();
  const store = (events: NetworkRequested[]) => {
    stored = append(events).catch(() => {}); // the run's own next append tells
  };

  function count(request: NetworkRequest, requests: number, bytes: number): void {
    const known = kinds.get(keyOf(request));
    const event = known || kinds.size < MOST_KINDS ? eventOf(request) : overflow(request.decision);
    const key = known ? keyOf(request) : keyOf(event);
    const kind = kinds.get(key);
    if (!kind) {
      kinds.set(key, { event, count: 0, bytes: 0 });
      store([{ ...event, ...mark, count: requests, ...(bytes > 0 && { bytes }) }]);
      return;
    }
    kind.count += requests;
    kind.bytes += bytes;
    timer ??= setTimeout(() => void flush(), countEveryMs);
  }

  /** Resolves when all that was seen so far is stored; appends go one after the other. */
  function flush(): Promise<void> {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const events: NetworkRequested[] = [];
    for (const kind of kinds.values()) {
      if (kind.count === 0 && kind.bytes === 0) continue;
      events.push({ ...kind.event, ...mark, count: kind.count, ...(kind.bytes > 0 && { bytes: kind.bytes }) });
      kind.count = kind.bytes = 0;
    }
    if (events.length > 0) store(events);
    return stored;
  }

  return {
    seen(request) {
      if (request.decision === "refused" && refused.size < MOST_KINDS) refused.set(keyOf(request), request);
      count(request, 1, 0);
    },
    ended: (request, bytes) => count(request, 0, bytes),
    refusals() {
      const all = [...refused.values()];
      refused = new Map();
      return all;
    },
    [Symbol.asyncDispose]: flush,
  };
}

function eventOf({ method, host, port, decision, rule, reason }: NetworkRequest): Kind["event"] {
  return { type: "network.request", method, host, port, decision, rule, reason };
}

function overflow(decision: NetworkRequest["decision"]): Kind["event"] {
  const reason = `more than ${MOST_KINDS} different requests: the others are only counted`;
  return { type: "network.request", method: "others", host: "", port: 0, decision, rule: "", reason };
}

function keyOf({ method, host, port, decision, rule, reason }: Omit<NetworkRequest, "type">): string {
  return JSON.stringify([method, host, port, decision, rule, reason]);
}
