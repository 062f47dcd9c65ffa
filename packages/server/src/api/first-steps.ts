import { Start } from "@farhand/protocol";
import { modelList } from "../store/models.ts";
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
      const { models } = await modelList(db); // `script` is always one of them
      const { repository, task, sampleTask } = await firstSteps(db, callerOf(request));
      return { steps: { model: models.length > 1, repository, task }, sampleTask };
    },
  );
}
