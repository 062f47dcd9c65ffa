import { DefaultModel, ModelList, ModelProvider, ModelProviderChange, ModelSettings, ModelTried, ModelTry } from "@farhand/protocol";
import { z } from "zod";
import { chooseModel } from "../domain/models.ts";
import { Secret } from "../domain/secret.ts";
import { UserError } from "../domain/user-error.ts";
import { record } from "../store/audit.ts";
import { askTrial } from "../store/model-trials.ts";
import { changeProvider, defaultModel, modelList, modelProviders, setDefaultModel } from "../store/models.ts";
import { sealForWorkers } from "../store/secrets.ts";
import { callerOf, requireAdministrator } from "./auth.ts";
import type { Api, ApiParts } from "./parts.ts";
import { problemAnswers } from "./problems.ts";

/** A worker gives up after a minute. */
const TRIAL_MS = 70_000;

/** Models: which there are, and for administrators how they are reached. */
export function modelRoutes(app: Api, { db }: ApiParts): void {
  app.get(
    "/models",
    { schema: { summary: "The models that a task may have", response: { 200: ModelList, ...problemAnswers } } },
    async () => modelList(db),
  );

  app.get(
    "/models/settings",
    { schema: { summary: "How models are reached (administrators)", response: { 200: ModelSettings, ...problemAnswers } } },
    async (request) => {
      requireAdministrator(callerOf(request), "see how models are reached");
      return settings();
    },
  );

  app.patch(
    "/models/settings",
    {
      schema: {
        summary: "Choose the model of tasks for which nobody chooses one (administrators)",
        body: DefaultModel,
        response: { 200: ModelSettings, ...problemAnswers },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      requireAdministrator(caller, "choose the default model");
      const name = request.body.default;
      if (name !== null) chooseModel(await modelList(db), name, undefined);
      await db.transaction(async (tx) => {
        await setDefaultModel(tx, name);
        await record(tx, caller.id, "model.default", name ?? "none");
      });
      return settings();
    },
  );

  app.patch(
    "/models/providers/:provider",
    {
      schema: {
        summary: "Set a provider's key, address and models (administrators); the key is sealed for the workers and never shown again",
        params: z.object({ provider: ModelProvider.shape.provider }),
        body: ModelProviderChange,
        response: { 200: ModelSettings, ...problemAnswers },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      requireAdministrator(caller, "set how models are reached");
      const { key, baseUrl, models } = request.body;
      const sealedKey = typeof key === "string" ? await sealForWorkers(db, new Secret(key)) : key;
      const { provider } = request.params;
      await db.transaction(async (tx) => {
        await changeProvider(tx, provider, { baseUrl, sealedKey, models }, caller.id);
        await record(tx, caller.id, "model.provider", provider, { changed: Object.keys(request.body), baseUrl });
      });
      return settings();
    },
  );

  app.post(
    "/models/try",
    {
      schema: {
        summary: "Send a small request to a model, through a worker (administrators)",
        body: ModelTry,
        response: { 200: ModelTried, ...problemAnswers },
      },
    },
    async (request) => {
      requireAdministrator(callerOf(request), "try models");
      const tried = await askTrial(db, request.body.model, TRIAL_MS);
      if (!tried)
        throw new UserError(
          "unavailable",
          "no worker tried the model in time: is one running? GET /readyz and farhand doctor say what is missing",
        );
      return tried;
    },
  );

  async function settings(): Promise<ModelSettings> {
    return { providers: await modelProviders(db), default: await defaultModel(db) };
  }
}
