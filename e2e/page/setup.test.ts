import assert from "node:assert/strict";
import { test } from "node:test";
import { visit } from "./browser.ts";
import { openScene } from "./scene.ts";

test("the settings test a setup, say what it went by, and change toolchains and checks", { timeout: 300_000 }, async () => {
  await using scene = await openScene({ ".farhand/environment.yaml": "setup: echo made with care\n" });
  const { service, browser } = scene;
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  await page.goto(`${service.url}/settings/environments/shop`);
  await page.getByRole("button", { name: "Test setup" }).click();
  await page.waitForURL(/\/tasks\/task_/);
  await page
    .getByText(/setup works/i)
    .first()
    .waitFor();
  const script = page.getByRole("log", { name: "Transcript" }).getByRole("button", { name: /made with care/ });
  await script.waitFor();
  if ((await script.getAttribute("aria-expanded")) === "false") await script.click(); // open only where it was seen at work
  await page.getByText("made with care", { exact: true }).first().waitFor();
  assert.equal(await page.getByRole("textbox", { name: /reply|message/i }).count(), 0, "nothing can be said to it");

  await page.goto(`${service.url}/settings/environments/shop`);
  await page.getByText("went by: setup of .farhand/environment.yaml").waitFor();
  await page.getByLabel("Toolchains").fill("node 22, go 1.24");
  await page.getByLabel("Commands").fill("npm test\nnpm run lint");
  await page.getByRole("button", { name: "Save as a new version" }).click();
  await page.getByText("saved just now").waitFor();
  const { toolchains, checks } = await service.client.environment("shop");
  assert.deepEqual([toolchains, checks], [{ node: "22", go: "1.24" }, ["npm test", "npm run lint"]]);
});
