import { DEFAULT_LIMITS } from "@farhand/protocol";
import { readConfig } from "../packages/server/src/config.ts";
import { bubblewrapDriver } from "../packages/server/src/sandbox/bubblewrap/driver.ts";
import type { Sandbox, SandboxDriver } from "../packages/server/src/sandbox/sandbox.ts";
import { command } from "./command.ts";
import { type Benchmark, type Figure, inMs, p50p99, percentile, timed } from "./figure.ts";
import { temporaryFolder } from "./folder.ts";
import { type Podman, podman } from "./podman.ts";

const ONE_AT_A_TIME = 100;
const AT_ONCE = 50;
const COMMANDS = 300;
/** Podman is slow enough that fewer will do. */
const PODMAN_RUNS = 20;
const PODMAN_COMMANDS = 50;
const NOTHING = "/bin/true";

export const sandbox: Benchmark = {
  name: "sandbox",
  async run(say, signal) {
    await using folder = await temporaryFolder();
    const { uids } = readConfig({}, process.getuid?.() === 0);
    const driver = bubblewrapDriver({ home: folder.path, uids });
    const missing = await driver.missing();
    if (missing.length > 0) throw new Error(missing.join("; "));
    const other = await podman(folder.path, signal);
    try {
      return [...(await ready(driver, other, say, signal)), ...(await exec(driver, other, say, signal))];
    } finally {
      await driver.sweep(new Set());
    }
  },
};

/** From the call to a sandbox that has run its first command. */
async function ready(driver: SandboxDriver, other: Podman | null, say: (line: string) => void, signal: AbortSignal): Promise<Figure[]> {
  say(`${ONE_AT_A_TIME} sandboxes one at a time`);
  const alone: number[] = [];
  for (let number = 0; number < ONE_AT_A_TIME; number += 1) {
    const startedAt = performance.now();
    await using made = await create(driver, `alone${number}.1`, signal);
    await run(made, signal);
    alone.push(performance.now() - startedAt);
  }
  say(`${AT_ONCE} sandboxes at once`);
  const startedAt = performance.now();
  const together = await Promise.all(
    Array.from({ length: AT_ONCE }, async (_, number) => {
      const made = await create(driver, `together${number}.1`, signal);
      await run(made, signal);
      return { made, readyMs: performance.now() - startedAt };
    }),
  );
  for (const { made } of together) await made[Symbol.asyncDispose]();

  const runOther = other && (() => other.run([NOTHING], signal));
  const otherAlone = runOther && (await timed(PODMAN_RUNS, signal, runOther));
  const otherTogether =
    runOther && (await Promise.all(Array.from({ length: AT_ONCE }, async () => (await timed(1, signal, runOther))[0] ?? Number.NaN)));
  const bare = await timed(ONE_AT_A_TIME, signal, () => command([NOTHING], signal));
  return [
    {
      what: "new sandbox to the end of its first command, one at a time",
      farhand: p50p99(alone),
      podman: otherAlone && p50p99(otherAlone),
      bare: p50p99(bare),
    },
    {
      what: `the same, ${AT_ONCE} at once`,
      farhand: p50p99(together.map((one) => one.readyMs)),
      podman: otherTogether && p50p99(otherTogether),
      bare: null,
    },
  ];
}

async function exec(driver: SandboxDriver, other: Podman | null, say: (line: string) => void, signal: AbortSignal): Promise<Figure[]> {
  say(`${COMMANDS} commands in one sandbox, and bare`);
  await using made = await create(driver, "exec.1", signal);
  await timed(20, signal, () => run(made, signal));
  const inside = await timed(COMMANDS, signal, () => run(made, signal));
  const bare = await timed(COMMANDS, signal, () => command([NOTHING], signal));
  const extra = inMs(percentile(inside, 50) - percentile(bare, 50));
  return [
    {
      what: `\`${NOTHING}\` in a running sandbox`,
      farhand: `${p50p99(inside)} (p50 over bare: ${extra})`,
      podman: other && (await execByPodman(other, signal)),
      bare: p50p99(bare),
    },
  ];
}

async function execByPodman(other: Podman, signal: AbortSignal): Promise<string> {
  const name = `farhand-bench-${process.pid}`;
  await other.keep(name, signal);
  try {
    return p50p99(await timed(PODMAN_COMMANDS, signal, () => other.exec(name, [NOTHING], signal)));
  } finally {
    await other.remove(name);
  }
}

function create(driver: SandboxDriver, run: string, signal: AbortSignal): Promise<Sandbox> {
  return driver.create({ run, layers: [], owner: 0, limits: DEFAULT_LIMITS, variables: {} }, signal);
}

async function run(made: Sandbox, signal: AbortSignal): Promise<void> {
  const execution = made.exec({ argv: [NOTHING], cwd: "/", timeoutMs: 60_000 }, signal);
  for await (const _ of execution.output);
  const exit = await execution.exit;
  if (exit.kind !== "exited" || exit.code !== 0) throw new Error(`${NOTHING} ended with ${JSON.stringify(exit)}`);
}
