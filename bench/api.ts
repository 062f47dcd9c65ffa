import { connect } from "@farhand/protocol";
import { startService } from "../e2e/service.ts";
import { mintToken } from "../packages/server/src/store/users.ts";
import { benchDatabase, fillQueue, QUEUED, RUNNING } from "./database.ts";
import { type Benchmark, p50p99, timed } from "./figure.ts";

const CALLS = 500;
const CALLERS = 4;

/** How the API answers several people at once while much waits; no worker takes anything from the queue meanwhile. */
export const api: Benchmark = {
  name: "api",
  async run(say, signal) {
    await using database = await benchDatabase(say, signal);
    const { db, url } = database;
    const user = await fillQueue(db, say, signal);
    const { token } = await mintToken(db, user.id, "bench");
    await using service = await startService({ env: { DATABASE_URL: url, FARHAND_ROLE: "api" } });
    const client = connect({ url: service.url, token });
    const { tasks } = await client.tasks({ limit: 100 });

    const calls = {
      "submit a task": () => client.createTask({ environment: "shop", prompt: "Fix it" }),
      "the list": () => client.tasks(),
      "tasks to review": () => client.tasks({ filter: "review" }),
      "one task": (index: number) => client.task(tasks[index % tasks.length]?.id ?? ""),
    };
    const figures = [];
    for (const [what, call] of Object.entries(calls)) {
      say(what);
      const times = await Promise.all(Array.from({ length: CALLERS }, () => timed(CALLS / CALLERS, signal, call)));
      figures.push({
        what: `API: ${what} (${CALLERS} at once; ${QUEUED.toLocaleString("en")} queued, ${RUNNING} running)`,
        farhand: p50p99(times.flat()),
        podman: null,
        bare: null,
      });
    }
    return figures;
  },
};
