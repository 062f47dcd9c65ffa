import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, connect } from "@farhand/protocol";
import { type Asked, modelServer, type Scripted } from "../packages/server/src/testing/model-server.ts";
import { bareRepository, commitFiles } from "./agent/commit.ts";
import { command, installed } from "./command.ts";
import { type Benchmark, p50p99 } from "./figure.ts";
import { temporaryFolder } from "./folder.ts";
import { npmStart } from "./server.ts";

const STEPS = 50;
const PROMPT = "Look at the file again and again.";
const FILE = { path: "file.txt", bytes: Buffer.from("one line\n".repeat(20)) };

/** The agent's own share of a task: a model that answers at once asks for one short command after another. `codex exec` beside it, where it is installed. */
export const steps: Benchmark = {
  name: "steps",
  async run(say, signal) {
    await using folder = await temporaryFolder();
    const ours = await farhand(folder.path, signal);
    say(`${ours.length} requests of Farhand`);
    const theirs = (await installed("codex", signal)) ? await codex(folder.path, signal) : null;
    const row = (what: string, of: (asked: readonly Asked[]) => string) => ({
      what,
      farhand: of(ours),
      podman: null,
      bare: null,
      codex: theirs && of(theirs),
    });
    return [
      row(`one step of an agent, model time excluded (${STEPS})`, (asked) => p50p99(betweens(asked))),
      row("first request to the model, in tokens (characters / 4)", ([first]) => inTokens(first ? [first] : [])),
      row(`all requests of ${STEPS} steps, in tokens`, inTokens),
    ];
  },
};

async function farhand(folder: string, signal: AbortSignal): Promise<Asked[]> {
  await using server = await modelServer(...script((command) => ({ name: "shell", arguments: { command } })));
  const repository = join(folder, "steps.git");
  await bareRepository(repository, signal);
  await commitFiles(repository, "main", null, [FILE], signal);
  const home = join(folder, "home");
  await using service = await npmStart(home, signal, { OPENAI_API_KEY: "none", OPENAI_BASE_URL: server.url });
  const client = connect({ url: service.url, token: (await readFile(join(home, "token"), "utf8")).trim() });
  await client.createEnvironment({ name: "steps", repository });
  await finish(client, signal);
  return server.asked.slice(0, STEPS + 1);
}

async function finish(client: Client, signal: AbortSignal): Promise<void> {
  const { id } = await client.createTask({ environment: "steps", prompt: PROMPT, model: "openai/gpt-5.5" });
  for await (const { body } of client.events(id, { signal })) {
    if (body.type === "attempt.succeeded") return;
    if (body.type === "attempt.failed") throw new Error(`the task failed: ${JSON.stringify(body.reason)}`);
  }
}

async function codex(folder: string, signal: AbortSignal): Promise<Asked[]> {
  await using server = await modelServer(...script((cmd) => ({ name: "exec_command", arguments: { cmd } })));
  const work = join(folder, "codex");
  await command(["git", "clone", "--quiet", join(folder, "steps.git"), work], signal);
  const home = join(folder, "codex-home");
  await mkdir(home);
  const provider = `{name="bench",base_url=${JSON.stringify(server.url)},wire_api="responses",env_key="BENCH_KEY"}`;
  const settings = ["-c", "model_provider=bench", "-c", `model_providers.bench=${provider}`];
  const run = ["codex", "exec", "--skip-git-repo-check", "--sandbox", "workspace-write", "-C", work, "-m", "gpt-5.5", ...settings, PROMPT];
  await command(["env", `CODEX_HOME=${home}`, "BENCH_KEY=none", ...run], signal);
  return server.asked;
}

function script(call: (command: string) => { name: string; arguments: object }): Scripted[] {
  return [
    ...Array.from({ length: STEPS }, () => ({ calls: [call(`head -3 ${FILE.path}`)] })),
    { text: "Looked." },
    { text: "Look at a file" },
  ];
}

/** From each request to the next: the model answers at once, so this is what the agent needs for the command and for itself. */
function betweens(asked: readonly Asked[]): number[] {
  return asked.slice(1).map(({ at }, index) => at - (asked[index]?.at ?? at));
}

function inTokens(asked: readonly Asked[]): string {
  const characters = asked.reduce((sum, { body }) => sum + JSON.stringify(body).length, 0);
  return Math.round(characters / 4).toLocaleString("en");
}
