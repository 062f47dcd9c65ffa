import { type Client, connect } from "@farhand/protocol";
import { makeRepository, script } from "../e2e/repository.ts";
import { startService } from "../e2e/service.ts";
import { type Benchmark, inMs, percentile } from "./figure.ts";

const KILLS = 5;

/** A worker killed while a command runs, until the same attempt runs its next command. */
export const recovery: Benchmark = {
  name: "recovery",
  async run(say, signal) {
    await using service = await startService({ env: { FARHAND_LEASE_SECONDS: "15" } }); // as it is by default
    await using repository = await makeRepository();
    const client = connect(service);
    await client.createEnvironment({ name: "bench", repository: repository.path });
    const times: number[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      const { id } = await client.createTask({ environment: "bench", prompt: script("echo one > one", "echo two; sleep 3; echo three") });
      await untilOutput(client, id, 1, signal);
      process.kill(await service.pid("worker"), "SIGKILL");
      const killedAt = performance.now();
      await untilOutput(client, id, 2, signal);
      times.push(performance.now() - killedAt);
      say(`killed ${times.length} of ${KILLS} times`);
    }
    const what = `worker killed with -9, until its attempt runs again from the last checkpoint (median and longest of ${KILLS})`;
    return [{ what, farhand: `${inMs(percentile(times, 50))}, ${inMs(Math.max(...times))}`, podman: null, bare: null }];
  },
};

async function untilOutput(client: Client, id: string, run: number, signal: AbortSignal): Promise<void> {
  for await (const event of client.events(id, { signal })) {
    if (event.body.type === "tool.output" && event.run === run) return;
    if (event.body.type === "attempt.failed") throw new Error(`the task failed: ${JSON.stringify(event.body.reason)}`);
  }
  signal.throwIfAborted();
}
