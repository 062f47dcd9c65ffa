import { z } from "zod";
import { sql } from "../store/db.ts";
import { workers } from "../store/workers.ts";
import type { Api, ApiParts } from "./parts.ts";

const Readiness = z.object({ ready: z.boolean(), missing: z.array(z.string()) });

/** For supervisors and load balancers; open, and silent about anything but health. */
export function healthRoutes(app: Api, { db }: ApiParts): void {
  app.get(
    "/healthz",
    { config: { open: true }, schema: { summary: "This process answers", response: { 200: z.object({ ok: z.literal(true) }) } } },
    async () => ({ ok: true as const }),
  );

  app.get(
    "/readyz",
    {
      config: { open: true },
      schema: { summary: "Tasks given now would run; else says what is missing", response: { 200: Readiness, 503: Readiness } },
    },
    async (_request, reply) => {
      const missing = await whatIsMissing();
      return reply.code(missing.length === 0 ? 200 : 503).send({ ready: missing.length === 0, missing });
    },
  );

  async function whatIsMissing(): Promise<string[]> {
    try {
      await db.query(sql`select 1`);
    } catch {
      return ["the database does not answer"];
    }
    const known = await workers(db);
    if (known.length === 0) return ["no worker is running"];
    return known.some((worker) => worker.missing.length === 0)
      ? []
      : known.flatMap((worker) => worker.missing.map((what) => `worker ${worker.name}: ${what}`));
  }
}
