import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, connect } from "@farhand/protocol";
import { type Benchmark, inMs, p50p99 } from "./figure.ts";
import { temporaryFolder } from "./folder.ts";
import { makeRepository } from "./repository.ts";
import { npmStart } from "./server.ts";

const FILES = 50_000;
const TASKS = 50;

export const task: Benchmark = {
  name: "task",
  async run(say, signal) {
    await using folder = await temporaryFolder();
    const repository = join(folder.path, "bench.git");
    say(`making a repository of ${FILES} files`);
    await makeRepository(repository, FILES, signal);
    const home = join(folder.path, "home");
    await using server = await npmStart(home, signal);
    const client = connect({ url: server.url, token: (await readFile(join(home, "token"), "utf8")).trim() });
    await client.createEnvironment({ name: "bench", repository });
    const cold = await firstCommand(client, signal);
    say(`first task: ${inMs(cold.startedMs)} to its command, ${inMs(cold.endedMs)} in all`);
    const warm = [];
    for (let number = 0; number < TASKS; number += 1) warm.push(await firstCommand(client, signal));
    const beside = `repository of ${FILES.toLocaleString("en")} files`;
    return [
      { what: `submit to first command, first task of a ${beside}`, farhand: inMs(cold.startedMs), podman: null, bare: null },
      {
        what: `submit to first command, later tasks (${TASKS}, one at a time)`,
        farhand: p50p99(warm.map((one) => one.startedMs)),
        podman: null,
        bare: null,
      },
      { what: "submit to result stored, later tasks", farhand: p50p99(warm.map((one) => one.endedMs)), podman: null, bare: null },
    ];
  },
};

/** From the call of the API to the moment at which the command itself says that it runs, and to the end of the attempt. */
async function firstCommand(client: Client, signal: AbortSignal): Promise<{ startedMs: number; endedMs: number }> {
  const submittedAt = performance.timeOrigin + performance.now();
  const { id } = await client.createTask({ environment: "bench", prompt: "```sh\ndate +%s%N\n```" });
  let printed = "";
  for await (const { body } of client.events(id, { signal })) {
    if (body.type === "tool.output") printed += body.text;
    if (body.type === "attempt.succeeded") {
      const endedMs = performance.timeOrigin + performance.now() - submittedAt;
      return { startedMs: Number(printed.trim()) / 1e6 - submittedAt, endedMs };
    }
    if (body.type === "attempt.failed") throw new Error(`the task failed: ${JSON.stringify(body.reason)}`);
  }
  signal.throwIfAborted();
  throw new Error("the events ended before the task did");
}
