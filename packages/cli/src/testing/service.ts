import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { AttemptState, Environment, EventBody, TaskEvent, TaskSummary } from "@farhand/protocol";
import { NO_SETUP, statusInWords, taskStatus } from "@farhand/protocol";

export const TOKEN = "fh_test-token";
const AT = "2026-01-02T03:04:05.000Z";

export const ENVIRONMENT: Environment = {
  id: "env_1",
  name: "shop",
  version: 1,
  repository: "/srv/shop",
  branch: null,
  publish: "click",
  transcript: "none",
  limits: { memoryMb: 4096, cpus: 2, processes: 1024, diskMb: 10_240, turnMinutes: 60, required: false },
  ...NO_SETUP,
  network: { kind: "none" },
  allowedDomains: [],
  setupAllowedDomains: [],
  hasToken: false,
  secrets: [],
  snapshots: [],
  lastMiss: null,
  recipe: null,
  createdBy: "usr_1",
  createdAt: AT,
  updatedAt: AT,
};

export type Seen = { method: string; path: string; body: unknown; headers: IncomingMessage["headers"] };

/** A small real HTTP server that keeps tasks in memory: what the command line needs, with words of the test's choosing. */
export async function startService() {
  const tasks = new Map<string, TaskSummary>();
  const logs = new Map<string, TaskEvent[]>();
  const patches = new Map<string, Uint8Array>();
  const followers = new Set<{ task: string; response: ServerResponse }>();
  const seen: Seen[] = [];

  const server = createServer(async (request, response) => {
    let text = "";
    for await (const piece of request) text += piece;
    const url = new URL(request.url ?? "/", "http://x");
    const path = url.pathname.replace(/^\/api\/v1/, "");
    const body = text ? JSON.parse(text) : undefined;
    seen.push({ method: request.method ?? "", path: path + url.search, body, headers: request.headers });
    const give = (status: number, value: unknown) =>
      void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    const refuse = (status: number, code: string, detail: string) =>
      give(status, { type: "about:blank", title: code, status, code, detail });
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return refuse(401, "unauthorized", "this token is not known");
    const route = `${request.method} ${path}`;
    const own = service.routes[route];
    if (own) {
      if (own.times !== undefined && --own.times === 0) delete service.routes[route];
      return give(own.status, own.body);
    }
    if (route === "GET /me")
      return give(200, { id: "usr_1", name: "Ada", email: "ada@example.org", role: "administrator", hasPassword: false });
    if (route === "GET /tasks") {
      const archived = url.searchParams.get("archived") === "true";
      return give(200, { tasks: [...tasks.values()].filter((task) => task.archived === archived), cursor: null });
    }
    if (route === "POST /tasks") {
      const task = addTask({ title: String(body.title ?? body.prompt).slice(0, 80), ref: body.ref ?? null, model: body.model ?? "script" });
      service.onCreate(task.id);
      return give(201, tasks.get(task.id));
    }
    if (path.startsWith("/environments"))
      return give(request.method === "POST" && path === "/environments" ? 201 : 200, {
        ...ENVIRONMENT,
        ...body,
        limits: { ...ENVIRONMENT.limits, ...body?.limits },
        variables: Object.fromEntries(Object.entries(body?.variables ?? {}).filter(([, value]) => value !== null)),
        secrets: Object.keys(body?.secrets ?? {}),
      });
    const [, id = "", rest = ""] = /^\/tasks\/([^/]+)(.*)$/.exec(path) ?? [];
    const task = tasks.get(id);
    if (!task) return refuse(404, "not-found", `there is no task ${id}`);
    if (rest === "") return give(200, task);
    if (rest === "/events") return events(id, url, request, response, give);
    if (rest === "/publication") {
      change(id, { publication: { state: "asked", branch: "farhand/x", turn: 1, attempt: 1 } });
      service.onPublish(id);
      return give(202, task);
    }
    if (rest === "/archive" || rest === "/unarchive") return give(200, change(id, { archived: rest === "/archive" }));
    if (rest === "/cancel") return give(200, change(id, { attempts: [{ id: "att_1", number: 1, state: "cancelled" }] }));
    const patch = /^\/attempts\/1\/patch$/.test(rest) ? patches.get(id) : undefined;
    if (patch) return void response.writeHead(200, { "content-type": "text/x-diff" }).end(patch);
    refuse(404, "not-found", `attempt 1 of task ${id} has no change (yet)`);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");

  function events(
    id: string,
    url: URL,
    request: IncomingMessage,
    response: ServerResponse,
    give: (status: number, value: unknown) => void,
  ) {
    const log = logs.get(id) ?? [];
    const after = Number(url.searchParams.get("after") ?? request.headers["last-event-id"] ?? 0);
    if (request.headers.accept === "application/json") return give(200, { events: log.filter((event) => event.seq > after) });
    response.writeHead(200, { "content-type": "text/event-stream" }).write(": hello\n\n");
    for (const event of log) if (event.seq > after) send(response, event);
    const follower = { task: id, response };
    followers.add(follower);
    response.on("close", () => followers.delete(follower));
  }

  function send(response: ServerResponse, event: TaskEvent): void {
    response.write(`id: ${event.seq}\ndata: ${JSON.stringify(event)}\n\n`);
  }

  function addTask(given: Partial<TaskSummary> = {}): TaskSummary {
    const id = given.id ?? `task_${String(tasks.size + 1).padStart(4, "0")}abcdefghijkl`;
    tasks.set(id, {
      title: "Add a footer",
      status: "waiting",
      statusText: "",
      waitingFor: null,
      mode: "code",
      model: "script",
      effort: null,
      limits: {},
      environment: { id: ENVIRONMENT.id, name: ENVIRONMENT.name, version: 1 },
      ref: null,
      baseCommit: null,
      turn: 1,
      changeTurn: 1,
      chosen: null,
      attempts: [{ id: "att_1", number: 1, state: "queued" }],
      kind: "work",
      publication: null,
      createdBy: { id: "usr_1", name: "Ada" },
      createdAt: AT,
      updatedAt: AT,
      archived: false,
      ...given,
      id,
    });
    logs.set(id, []);
    return change(id, {});
  }

  function change(id: string, given: Partial<TaskSummary>): TaskSummary {
    const task = tasks.get(id);
    if (!task) throw new Error(`no task ${id}`);
    Object.assign(task, given);
    task.status = taskStatus(task.attempts, task.publication, task.changeTurn);
    task.statusText = statusInWords(task);
    return task;
  }

  const service = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    patches,
    addTask,
    change,
    /** Answers that a test gives itself, by "METHOD /path"; `times` = only so often. */
    routes: {} as Record<string, { status: number; body: unknown; times?: number }>,
    onCreate: (_task: string) => {},
    onPublish: (_task: string) => {},
    settle: (id: string, state: AttemptState) => change(id, { attempts: [{ id: "att_1", number: 1, ...state }] }),
    /** Appends events to a task's log and tells those who follow it. */
    append(id: string, ...bodies: EventBody[]): void {
      const log = logs.get(id) ?? [];
      for (const body of bodies) {
        const ofTask = /^(task|turn|publication|cancel|stop)\.|^reply\.sent/.test(body.type);
        const event: TaskEvent = {
          task: id,
          seq: log.length + 1,
          at: AT,
          turn: ofTask ? null : 1,
          attempt: ofTask ? null : 1,
          run: ofTask ? null : 1,
          body,
        };
        log.push(event);
        for (const follower of followers) if (follower.task === id) send(follower.response, event);
      }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return service;
}
