import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

test("the system service starts what npm start does", () => {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: { start: string } };
  const [, started] = /^ExecStart=\/usr\/bin\/env (.*)$/m.exec(read("deploy/farhand.service")) ?? [];
  assert.equal(`exec ${started}`, scripts.start);
});
