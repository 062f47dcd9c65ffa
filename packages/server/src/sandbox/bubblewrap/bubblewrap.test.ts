import assert from "node:assert/strict";
import { test } from "node:test";
import { describeDriver } from "../contract.ts";
import { describeEscapes } from "../escape.ts";
import { testDriver } from "../testing.ts";
import { runAsOrdinaryUser } from "../testing-ordinary.ts";

const isRoot = process.geteuid?.() === 0;
const who = isRoot ? "bubblewrap as root" : "bubblewrap as an ordinary user";
describeDriver(who, testDriver);
describeEscapes(who, testDriver);

test("the same as an ordinary user", { skip: !isRoot && "runs as one already" }, async () => {
  const report = await runAsOrdinaryUser("bubblewrap/bubblewrap.test.ts", "bubblewrap/driver.test.ts");
  assert.match(report, /bubblewrap as an ordinary user/);
  assert.match(report, /a home whose name is strange/);
});
