import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { CRASH_POINTS } from "./crash.ts";

test("every crash point stands in exactly one place of the code", () => {
  const files = globSync("**/*.ts", { cwd: import.meta.dirname }).filter((file) => !/^crash|\.test\.ts$/.test(file));
  const text = files.map((file) => readFileSync(`${import.meta.dirname}/${file}`, "utf8")).join("\n");
  const places = CRASH_POINTS.map((point) => [point, text.split(`"${point}"`).length - 1]);
  assert.deepEqual(
    places.filter(([, count]) => count !== 1),
    [],
  );
});
