import { TEST_LIMITS, testDriverOn } from "./testing.ts";

/** A worker to be killed: makes a sandbox on this home and runs the script in it. */
const [, , home = "", run = "", script = ""] = process.argv;
const driver = testDriverOn(home);
const signal = AbortSignal.timeout(120_000);
await using sandbox = await driver.create({ run, layers: [], owner: 0, limits: TEST_LIMITS, variables: {} }, signal);
const execution = sandbox.exec({ argv: ["sh", "-c", script], cwd: "/", timeoutMs: 120_000 }, signal);
for await (const { bytes } of execution.output) process.stdout.write(bytes);
