import type { EventBody } from "@farhand/protocol";
import { Counter, Histogram, type Registry } from "prom-client";
import type { Outcome } from "../domain/outcome.ts";

const LONG_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600];

/** What a worker counts of its own work since its start. No label is text of a sandbox or a model's. */
export interface Counters {
  claimed(): void;
  /** Events of a run, once they are stored. */
  stored(model: string, events: readonly EventBody[]): void;
  /** A run, once its end is stored. */
  ended(outcome: Outcome): void;
  published(state: "published" | "failed" | "interrupted"): void;
}

export function openCounters(register: Registry): Counters {
  const own = { registers: [register] };
  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Counter({ ...own, name, help, labelNames });
  const seconds = <Label extends string>(name: string, help: string, label: Label) =>
    new Histogram({ ...own, name, help, labelNames: [label], buckets: LONG_SECONDS });

  const claims = counter("farhand_claims_total", "Runs that were begun");
  const runs = counter("farhand_runs_ended_total", "Runs that ended, by outcome and, of failed ones, reason", "outcome", "reason");
  const phases = seconds("farhand_phase_seconds", "Duration of finished phases", "phase");
  const tools = counter("farhand_tool_calls_total", "Calls of tools that finished", "error");
  const network = counter("farhand_network_requests_total", "Requests of sandboxes to the network, by decision", "decision");
  const requests = seconds("farhand_model_request_seconds", "Duration of model requests that were answered", "model");
  const retries = counter("farhand_model_retries_total", "Model requests that are tried again", "model");
  const tokens = counter("farhand_model_tokens_total", "Tokens of model requests, as providers count them", "model", "kind");
  const cost = counter("farhand_model_cost_usd_total", "Cost of model requests", "model");
  const publications = counter("farhand_publications_ended_total", "Publications that this worker ended", "state");

  function count(model: string, body: EventBody): void {
    if (body.type === "phase.finished") phases.observe({ phase: body.phase }, body.durationMs / 1000);
    if (body.type === "tool.finished") tools.inc({ error: String(body.isError) });
    if (body.type === "network.request") network.inc({ decision: body.decision }, body.count);
    if (body.type === "model.retried") retries.inc({ model });
    if (body.type === "step.answered") {
      requests.observe({ model }, body.durationMs / 1000);
      const { inputTokens, cachedTokens, outputTokens, reasoningTokens, costUsd } = body.usage;
      const kinds = { input: inputTokens, cached: cachedTokens, output: outputTokens, reasoning: reasoningTokens };
      for (const [kind, number] of Object.entries(kinds)) if (number) tokens.inc({ model, kind }, number);
      if (costUsd) cost.inc({ model }, costUsd);
    }
  }

  return {
    claimed: () => claims.inc(),
    stored: (model, events) => {
      for (const body of events) count(model, body);
    },
    ended: (outcome) => runs.inc({ outcome: outcome.kind, reason: outcome.kind === "failed" ? outcome.reason.kind : "" }),
    published: (state) => publications.inc({ state }),
  };
}
