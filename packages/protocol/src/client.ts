import type { z } from "zod";
import {
  type AttemptChoice,
  type EnvironmentChange,
  EnvironmentPage,
  EnvironmentVersionPage,
  EventPage,
  MintedToken,
  type NewEnvironment,
  type NewMessage,
  type NewPublication,
  type NewTask,
  type NewToken,
  type NewTurn,
  type NewUser,
  StepsKept,
  TaskPage,
  TokenList,
  User,
  UserList,
} from "./api.ts";
import { Environment } from "./environment.ts";
import { EstimateAnswer } from "./estimate.ts";
import type { TaskEvent } from "./event.ts";
import { type Following, follow, type Timing } from "./event-stream.ts";
import { HostReport } from "./host.ts";
import { type Call, json, query, type Service, send, Unreachable } from "./http.ts";
import { ModelList, type ModelProvider, type ModelProviderChange, ModelSettings, ModelTried } from "./model.ts";
import {
  type InvitationAcceptance,
  InvitationList,
  Me,
  type MeChange,
  type NewInvitation,
  OneTimeLink,
  type PasswordChange,
  type PasswordLogin,
  SessionList,
  Start,
} from "./session.ts";
import { type Mode, type TaskPart, TaskSummary } from "./task.ts";
import { type UsageFilter, UsageReport } from "./usage.ts";

export type { Connection, Following } from "./event-stream.ts";
export { ApiError, Unreachable } from "./http.ts";

export type ClientOptions = {
  url: string;
  /** "" = none; every call but the health checks is then refused. */
  token: string;
  fetch?: typeof fetch;
  timing?: Partial<Timing>;
};

export type TaskFilter = {
  limit?: number;
  cursor?: string;
  environment?: string;
  archived?: boolean;
  filter?: TaskPart;
  repository?: string;
  person?: string;
  query?: string;
};

const ANSWER_MS = 60_000;
/** The service looks at the repository first. */
const REPOSITORY_MS = 300_000;
const MODEL_MS = 90_000;

export type Client = ReturnType<typeof connect>;

/**
 * The REST API with its types; answers are checked. Every method throws ApiError with the service's own words, or Unreachable. A creation carries one
 * idempotency key however often a lost connection makes it go out, so it happens once. Needs `fetch` and web streams only: Node or browser.
 */
export function connect(options: ClientOptions) {
  const timing: Timing = { silenceMs: 45_000, retryMs: 250, maxRetryMs: 10_000, ...options.timing };
  const service: Service = {
    url: serviceUrl(options.url),
    token: options.token,
    fetch: options.fetch ?? ((input, init) => fetch(input, init)), // a bare reference loses its `this` in browsers
    retryMs: timing.retryMs,
  };
  const base = { repeatable: true, limitMs: ANSWER_MS };
  const get = <S extends z.ZodType>(path: string, schema: S, signal?: AbortSignal) =>
    send(service, { ...base, method: "GET", path }, json(service, schema), signal);
  const post = <S extends z.ZodType>(path: string, body: unknown, schema: S, extra: Partial<Call> = {}) =>
    send(service, { ...base, method: "POST", path, body, ...extra }, json(service, schema));
  const change = <S extends z.ZodType>(path: string, body: unknown, schema: S) =>
    send(service, { ...base, method: "PATCH", path, body, repeatable: false }, json(service, schema));
  const act = (method: Call["method"], path: string, body?: unknown): Promise<void> =>
    send(service, { ...base, method, path, body, repeatable: false }, async (response) => {
      await response.body?.cancel();
    });
  const once = () => ({ headers: { "idempotency-key": newKey() } });
  const task = (id: string) => `/tasks/${encodeURIComponent(id)}`;
  const environment = (nameOrId: string) => `/environments/${encodeURIComponent(nameOrId)}`;
  const bytes = (path: string, accept: string) =>
    send(
      service,
      { method: "GET", path, headers: { accept }, repeatable: true, limitMs: 0 },
      async (response) => new Uint8Array(await response.arrayBuffer()),
    );

  return {
    url: service.url,

    me: () => get("/me", Me),
    host: () => get("/host", HostReport),
    start: () => get("/start", Start),

    /** The four below set or end the session's cookie; for browsers. */
    logInByLink: (token: string) => act("POST", "/session/link", { token }),
    logIn: (login: PasswordLogin) => act("POST", "/session", login),
    acceptInvitation: (acceptance: InvitationAcceptance) => act("POST", "/invitations/accept", acceptance),
    logOut: () => act("DELETE", "/session"),
    changeMe: (change: MeChange) =>
      send(service, { ...base, method: "PATCH", path: "/me", body: change, repeatable: false }, json(service, Me)),
    sessions: async () => (await get("/sessions", SessionList)).sessions,
    endSession: (id: string) => act("DELETE", `/sessions/${encodeURIComponent(id)}`),
    changePassword: (change: PasswordChange) => act("POST", "/me/password", change),
    createLoginLink: () => post("/session/links", {}, OneTimeLink, { repeatable: false }),
    invite: (invitation: NewInvitation) => post("/invitations", invitation, OneTimeLink, { repeatable: false }),

    invitations: async () => (await get("/invitations", InvitationList)).invitations,
    withdrawInvitation: (email: string) => act("DELETE", `/invitations/${encodeURIComponent(email)}`),

    createUser: (user: NewUser) => post("/users", user, User, once()),
    users: async () => (await get("/users", UserList)).users,

    createToken: (token: NewToken) => post("/tokens", token, MintedToken, { repeatable: false }),
    tokens: async () => (await get("/tokens", TokenList)).tokens,
    revokeToken: (id: string) => act("DELETE", `/tokens/${encodeURIComponent(id)}`),

    createEnvironment: (spec: NewEnvironment) => post("/environments", spec, Environment, { ...once(), limitMs: REPOSITORY_MS }),
    environments: (page: { limit?: number; cursor?: string } = {}) => get(`/environments${query(page)}`, EnvironmentPage),
    environment: (nameOrId: string) => get(environment(nameOrId), Environment),
    changeEnvironment: (nameOrId: string, change: EnvironmentChange) =>
      send(
        service,
        { method: "PATCH", path: environment(nameOrId), body: change, repeatable: false, limitMs: REPOSITORY_MS },
        json(service, Environment),
      ),

    /** What an attempt of a new task is likely to take, and what it may. */
    estimate: (nameOrId: string, wish: { mode?: Mode; model?: string } = {}) =>
      get(`${environment(nameOrId)}/estimate${query(wish)}`, EstimateAnswer),
    /** What it was before, newest first. */
    environmentVersions: (nameOrId: string, page: { limit?: number; cursor?: string } = {}) =>
      get(`${environment(nameOrId)}/versions${query(page)}`, EnvironmentVersionPage),
    /** Forgets what is kept of its setup, on every worker: the next task runs it anew. */
    testSetup: (nameOrId: string) => post(`${environment(nameOrId)}/setup-test`, {}, TaskSummary),
    resetEnvironment: (nameOrId: string) => post(`${environment(nameOrId)}/reset`, {}, Environment),

    models: () => get("/models", ModelList),
    modelSettings: () => get("/models/settings", ModelSettings),
    chooseDefaultModel: (name: string | null) => change("/models/settings", { default: name }, ModelSettings),
    changeModelProvider: (provider: ModelProvider["provider"], body: ModelProviderChange) =>
      change(`/models/providers/${provider}`, body, ModelSettings),
    /** Through a worker, which waits for the model. */
    tryModel: (model: string) => post("/models/try", { model }, ModelTried, { repeatable: false, limitMs: MODEL_MS }),

    createTask: (spec: NewTask) => post("/tasks", spec, TaskSummary, once()),
    tasks: (filter: TaskFilter = {}) => get(`/tasks${query(filter)}`, TaskPage),
    task: (id: string, signal?: AbortSignal) => get(task(id), TaskSummary, signal),
    cancel: (id: string) => post(`${task(id)}/cancel`, {}, TaskSummary),
    archive: (id: string) => post(`${task(id)}/archive`, {}, TaskSummary),
    unarchive: (id: string) => post(`${task(id)}/unarchive`, {}, TaskSummary),
    /** Opens the next turn. */
    followUp: (id: string, turn: NewTurn) => post(`${task(id)}/turns`, turn, TaskSummary, once()),
    /** The steps of an attempt of the last turn that a follow-up can go back to. */
    stepsKept: async (id: string, attempt: number) => (await get(`${task(id)}/attempts/${attempt}/steps`, StepsKept)).steps,
    /** Asks again what the last turn asked, from where that one began. ApiError "conflict" where it has a result. */
    retry: (id: string) => post(`${task(id)}/retry`, {}, TaskSummary, once()),
    /** Says something to an agent at work. ApiError "conflict" where none works any more. */
    say: (id: string, message: NewMessage) => post(`${task(id)}/messages`, message, TaskSummary, once()),
    /** Ends the work and keeps what was done. */
    stop: (id: string) => post(`${task(id)}/stop`, {}, TaskSummary),
    /** Says which attempt of the last turn is to be published and gone on from. */
    choose: (id: string, choice: AttemptChoice) => post(`${task(id)}/choice`, choice, TaskSummary),
    /** Asks to publish; after a failure asks again. The end of it comes as an event. */
    publish: (id: string, publication: NewPublication = {}) => post(`${task(id)}/publication`, publication, TaskSummary, once()),

    /** The change of an attempt of the last turn, or of `turn`, as git made it. ApiError "not-found" if there is none. */
    patch: (id: string, attempt: number, turn?: number) => bytes(`${task(id)}/attempts/${attempt}/patch${query({ turn })}`, "text/x-diff"),
    /** A command's whole output. */
    output: (id: string, blob: string) => bytes(`${task(id)}/outputs/${encodeURIComponent(blob)}`, "application/octet-stream"),

    /** The transcript so far, without what looks like a secret. */
    transcript: (id: string, format: "markdown" | "jsonl") => bytes(`${task(id)}/transcript${query({ format })}`, "*/*"),

    /** What models used: your own, for administrators everybody's. */
    usage: (filter: UsageFilter = {}) => get(`/usage${query(filter)}`, UsageReport),
    usageCsv: (filter: UsageFilter = {}) => bytes(`/usage${query(filter)}`, "text/csv"),

    /** One piece of the log, without waiting for more. */
    eventPage: async (id: string, page: { after?: number; limit?: number } = {}) =>
      (await get(`${task(id)}/events${query(page)}`, EventPage)).events,
    /** All events after `after`, then new ones as they come; see `follow`. */
    events: (id: string, following: Following = {}): AsyncIterable<TaskEvent> => follow(service, id, following, timing),
  };
}

/** 128 random bits. Not `randomUUID`: a browser has that for https pages only. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The address without what does not matter: the form that two spellings of it share. Throws Unreachable if it is none. */
export function serviceUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new Unreachable(`${JSON.stringify(text)} is no address of Farhand: give one such as http://127.0.0.1:7420`);
  }
  if (url.username || url.password) throw new Unreachable("the address must not hold a user name or password: Farhand takes a token");
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}
