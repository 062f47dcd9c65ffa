import { z } from "zod";
import { Usage } from "./event.ts";

/** What usage is added up by; `request` = each for itself. */
export const UsageBy = z.enum(["day", "user", "model", "task", "turn", "attempt", "request"]);
export type UsageBy = z.infer<typeof UsageBy>;

/**
 * The requests that share what is named in the row. A sum is null where the providers said nothing; `unpriced` requests have no known price, and so
 * `costUsd` is what the others cost.
 */
export const UsageRow = z.object({
  /** UTC. */
  day: z.iso.date().optional(),
  user: z.object({ id: z.string(), name: z.string() }).optional(),
  model: z.string().optional(),
  task: z.object({ id: z.string(), title: z.string() }).optional(),
  turn: z.int().optional(),
  attempt: z.int().optional(),
  run: z.int().optional(),
  step: z.int().optional(),
  at: z.iso.datetime().optional(),
  requests: z.int(),
  ...Usage.shape,
  unpriced: z.int(),
});
export type UsageRow = z.infer<typeof UsageRow>;

export const UsageReport = z.object({ by: UsageBy, from: z.iso.date(), to: z.iso.date(), rows: z.array(UsageRow), total: UsageRow });
export type UsageReport = z.infer<typeof UsageReport>;

/** Days are UTC, both included; the last 30 days if none is named. `task`: of this task only, since it was made. */
export type UsageFilter = { by?: UsageBy; from?: string; to?: string; task?: string };
