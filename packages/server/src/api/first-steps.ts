import { Start } from "@farhand/protocol";
import { firstSteps } from "../store/sample.ts";
import { callerOf } from "./auth.ts";
import type { Api, ApiParts } from "./parts.ts";
import { problemAnswers } from "./problems.ts";

/** What is left to do before the service is of use. */
export function firstStepsRoutes(app: Api, { db }: ApiParts): void {
  app.get(
    "/start",
    { schema: { summary: "Which first steps have been done, and the sample task", response: { 200: Start, ...problemAnswers } } },
    async (request) => {
      const { repository, task, sampleTask } = await firstSteps(db, callerOf(request));
      return { steps: { model: false, repository, task }, sampleTask };
    },
  );
}
