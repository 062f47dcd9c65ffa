import { HostReport } from "@farhand/protocol";
import manifest from "../../package.json" with { type: "json" };
import { databaseCheck, useChecks, workerChecks } from "../store/host-checks.ts";
import { callerOf, requireAdministrator } from "./auth.ts";
import type { Api, ApiParts } from "./parts.ts";
import { problemAnswers } from "./problems.ts";

/** How everything is, as far as this process can know: it has no rights to try, so it says what workers have told and the database holds. */
export function hostRoutes(app: Api, { db }: ApiParts): void {
  const startedAt = new Date().toISOString();
  app.get(
    "/host",
    { schema: { summary: "How the service, its database and its workers are", response: { 200: HostReport, ...problemAnswers } } },
    async (request) => {
      requireAdministrator(callerOf(request), "see how the host is");
      return {
        version: manifest.version,
        node: process.versions.node,
        startedAt,
        checks: [await databaseCheck(db), ...(await workerChecks(db)), ...(await useChecks(db))],
      };
    },
  );
}
