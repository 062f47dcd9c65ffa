import { AggregatorRegistry, Gauge, Registry } from "prom-client";
import { z } from "zod";
import { openMetrics } from "../metrics.ts";
import type { Db } from "../store/db.ts";
import { type Figures, figures, workerMetrics } from "../store/figures.ts";
import { callerOf, requireAdministrator } from "./auth.ts";
import type { Api, ApiParts } from "./parts.ts";
import { problemAnswers } from "./problems.ts";

/** However often somebody asks, the database is asked so often only. */
const KEPT_MS = 5000;

/** Figures for Prometheus: how the service stands, from the database; what each worker has counted; this process. For administrators. */
export function metricsRoutes(app: Api, { db }: ApiParts): void {
  const own = openMetrics("api");
  let kept: { at: number; text: Promise<string> } | null = null;
  app.get(
    "/metrics",
    {
      schema: {
        summary: "Figures for Prometheus (administrators)",
        produces: ["text/plain"],
        response: { 200: z.string(), ...problemAnswers },
      },
    },
    async (request, reply) => {
      requireAdministrator(callerOf(request), "read the metrics");
      if (!kept || performance.now() - kept.at > KEPT_MS) {
        const text = exposition(db, own);
        kept = { at: performance.now(), text };
        text.catch(() => (kept = null));
      }
      return reply.type("text/plain; version=0.0.4; charset=utf-8").send(await kept.text);
    },
  );
}

async function exposition(db: Db, own: Registry): Promise<string> {
  const parts = [await own.getMetricsAsJSON(), await standing(await figures(db)).getMetricsAsJSON(), ...(await workerMetrics(db))];
  return AggregatorRegistry.aggregate(parts).metrics();
}

function standing(now: Figures): Registry {
  const register = new Registry();
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Gauge({ name: `farhand_${name}`, help, labelNames, registers: [register] });
  const attempts = gauge("attempts", "Attempts by state", "state");
  for (const state of ["queued", "running"]) attempts.set({ state }, 0); // a figure that is not there cannot be watched
  for (const { state, count } of now.attempts) attempts.set({ state }, count);
  const publications = gauge("publications", "Publications by state", "state");
  for (const { state, count } of now.publications) publications.set({ state }, count);
  const workers = gauge("workers", "Workers that live, by whether they take attempts", "ready");
  for (const ready of ["true", "false"]) workers.set({ ready }, 0);
  for (const { ready, count } of now.workers) workers.set({ ready: String(ready) }, count);
  gauge("queue_oldest_seconds", "How long the longest waiting attempt has waited").set(now.oldestQueuedSeconds);
  gauge("tasks", "Tasks").set(now.tasks);
  gauge("events", "Events of all tasks").set(now.events);
  gauge("database_bytes", "Size of the database").set(now.databaseBytes);
  const disks = gauge("worker_disk_free_bytes", "Free space of a worker's disk, measured each hour", "worker");
  for (const { worker, freeBytes } of now.disks) disks.set({ worker }, freeBytes);
  return register;
}
