import swagger from "@fastify/swagger";
import fastify, { type FastifyBaseLogger, LogController } from "fastify";
import { jsonSchemaTransform, serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import type { Config } from "../config.ts";
import { requireUser } from "./auth.ts";
import { environmentRoutes } from "./environments.ts";
import { eventRoutes } from "./events.ts";
import { firstStepsRoutes } from "./first-steps.ts";
import { sendSecurityHeaders } from "./headers.ts";
import { healthRoutes } from "./health.ts";
import { isKnownHost } from "./host.ts";
import { imageRoutes } from "./images.ts";
import { invitationRoutes } from "./invitations.ts";
import { metricsRoutes } from "./metrics.ts";
import { modelRoutes } from "./models.ts";
import { pageRoutes } from "./page.ts";
import type { Api, ApiParts } from "./parts.ts";
import { answerWithProblems, problem } from "./problems.ts";
import { rateLimits } from "./rate-limits.ts";
import { sessionRoutes } from "./session.ts";
import { SESSION_COOKIE } from "./sign-in.ts";
import { taskRoutes } from "./tasks.ts";
import { hostRoutes } from "./this-host.ts";
import { transcriptRoutes } from "./transcript.ts";
import { turnRoutes } from "./turns.ts";
import { usageRoutes } from "./usage.ts";
import { userRoutes } from "./users.ts";

const MAX_BODY_BYTES = 2 * 1024 * 1024;

/** All routes, not listening yet. */
export async function buildApi(config: Config, parts: ApiParts, logger: FastifyBaseLogger): Promise<Api> {
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_BODY_BYTES,
    trustProxy: config.trustedProxies.length > 0 ? [...config.trustedProxies] : false,
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true },
  }).withTypeProvider<ZodTypeProvider>() as unknown as Api;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  const parseJson = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) =>
    body.length === 0 ? done(null, undefined) : parseJson(request, String(body), done),
  );
  answerWithProblems(app);
  sendSecurityHeaders(app);
  app.addHook("onRequest", async (request, reply) => {
    if (!isKnownHost(request.host, config))
      return problem(
        reply,
        421,
        "unknown-host",
        `this service is not ${request.host.slice(0, 200)}: use ${config.publicUrl}, or set FARHAND_PUBLIC_URL`,
      );
  });
  requireUser(app, parts, config);
  const tries = await rateLimits(app);
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Farhand",
        version: "1",
        description:
          "Tasks for coding agents in isolated sandboxes. Every route but the health checks, the ways to log in and this document needs `Authorization: Bearer TOKEN`, or the cookie of a session; what changes something must then come with an `Origin` of the service.",
      },
      components: {
        securitySchemes: { token: { type: "http", scheme: "bearer" }, session: { type: "apiKey", in: "cookie", name: SESSION_COOKIE } },
      },
      security: [{ token: [] }, { session: [] }],
    },
    transform: (route) => {
      const made = jsonSchemaTransform(route);
      if (route.route.config?.open) made.schema.security = [];
      if (route.route.config?.session) made.schema.security = [{ session: [] }];
      return made;
    },
  });
  await app.register(async (root) => {
    healthRoutes(root as unknown as Api, parts);
    metricsRoutes(root as unknown as Api, parts);
  });
  await app.register(
    async (v1) => {
      const api = v1 as unknown as Api;
      sessionRoutes(api, parts, tries, config);
      invitationRoutes(api, parts, tries, config);
      userRoutes(api, parts);
      environmentRoutes(api, parts, config);
      modelRoutes(api, parts);
      taskRoutes(api, parts);
      turnRoutes(api, parts);
      usageRoutes(api, parts);
      transcriptRoutes(api, parts);
      imageRoutes(api, parts);
      eventRoutes(api, parts);
      firstStepsRoutes(api, parts);
      hostRoutes(api, parts);
      api.get("/openapi.json", { config: { open: true }, schema: { hide: true } }, async () => app.swagger());
    },
    { prefix: "/api/v1" },
  );
  pageRoutes(app, parts.page);
  return app;
}
