import assert from "node:assert/strict";
import { mkdir, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { TEST_LIMITS } from "../testing.ts";
import { launch } from "./launch.ts";

test("a launch that fails says why, although its end may be told before its words are read", async () => {
  const home = await mkdtemp(join(tmpdir(), "farhand-launch-"));
  await using devNull = await open("/dev/null", "r+");
  try {
    await writeFile(join(home, "filter"), "");
    const failing = async (directory: string) => {
      for (const part of ["upper", "work"]) await mkdir(join(home, directory, part), { recursive: true });
      const { ended, complaints } = await launch({
        ...{ home, directory, lower: ["nowhere"], marker: directory, mode: process.geteuid?.() === 0 ? "root" : "user", uid: 210_000_000 },
        ...{ limits: TEST_LIMITS, cgroup: null, boundDirectories: [], seccompFile: "filter", door: null, devNull: devNull.fd },
        ...{ node: process.execPath, nodeArguments: [], agent: "/dev/null" },
      });
      assert.notEqual((await ended).code, 0);
      assert.match(await complaints(), /mount/);
    };
    for (let round = 0; round < 10; round++) await Promise.all(["a", "b", "c", "d"].map((name) => failing(`${name}${round}`)));
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
