import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Limits } from "@farhand/protocol";
import { bubblewrapDriver } from "./bubblewrap/driver.ts";
import type { SandboxDriver, SandboxSpec } from "./sandbox.ts";

export type TestDriver = AsyncDisposable & {
  driver: SandboxDriver;
  home: string;
  /** A spec of a run of its own, to be changed at will. */
  spec(changes?: Partial<SandboxSpec>): SandboxSpec;
};

export const TEST_LIMITS: Limits = { memoryMb: 512, cpus: 2, processes: 128, diskMb: 512, turnMinutes: 5, required: false };

/** A real driver on a home of its own; for tests. Disposal ends every sandbox and removes the home. */
export async function testDriver(): Promise<TestDriver> {
  const home = await mkdtemp(join(tmpdir(), "farhand-sandbox-"));
  const driver = bubblewrapDriver({ home, uids: { base: 210_000_000, count: 1000 } });
  let runs = 0;
  return {
    driver,
    home,
    spec: (changes = {}) => ({ run: `test.${++runs}`, layers: [], owner: 0, limits: TEST_LIMITS, variables: {}, ...changes }),
    async [Symbol.asyncDispose]() {
      await driver.sweep(new Set());
      await rm(home, { recursive: true, force: true });
    },
  };
}
