import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { connect } from "@farhand/protocol";
import type { Browser } from "playwright-core";
import { makeRepository, type Repository, script } from "../repository.ts";
import { type Service, startService } from "../service.ts";
import { launch, seriousFindings, visit, visitAsNobody } from "./browser.ts";

let service: Service;
let browser: Browser;
let shop: Repository;
let site: Repository;
before(async () => {
  [service, browser, shop, site] = await Promise.all([
    startService({ env: { FARHAND_MAX_RUNS_PER_USER: "9" } }),
    launch(),
    makeRepository(),
    makeRepository(),
  ]);
  await service.client.createEnvironment({ name: "shop", repository: shop.path });
  await service.client.createEnvironment({ name: "site", repository: site.path });
});
after(async () => {
  await browser?.close();
  await service?.[Symbol.asyncDispose]();
  await shop?.[Symbol.asyncDispose]();
  await site?.[Symbol.asyncDispose]();
});

const ticking = script("for i in $(seq 1 12); do echo tick $i.; sleep 0.5; done");

test("eight tabs, each on a task of its own, are all alive", { timeout: 180_000 }, async () => {
  await using visitor = await visit(browser, service);
  const tabs = [];
  for (let at = 0; at < 8; at++) {
    const { id } = await service.client.createTask({ environment: "site", title: `tab ${at}`, prompt: ticking });
    const page = at === 0 ? visitor.page : await visitor.open();
    await page.goto(`${service.url}/tasks/${id}`);
    tabs.push(page);
  }
  for (const page of tabs) {
    await page.bringToFront();
    await page.getByText("tick 12.", { exact: true }).first().waitFor();
    await page
      .locator("header")
      .getByRole("status")
      .filter({ hasText: /nothing changed/i })
      .first()
      .waitFor();
  }
});

test("without workers that tabs share, each tab follows by itself", { timeout: 120_000 }, async () => {
  await using visitor = await visitAsNobody(browser);
  await visitor.context.addInitScript("delete globalThis.SharedWorker");
  const { page } = visitor;
  await page.goto((await service.said(["login-link"])).match(/http\S+#login=\S+/)?.[0] ?? assert.fail());
  await page.getByRole("link", { name: "Settings" }).waitFor();
  assert.equal(await page.evaluate("typeof SharedWorker"), "undefined");
  const { id } = await service.client.createTask({ environment: "site", title: "alone", prompt: ticking });
  await page.getByRole("navigation", { name: "Tasks" }).getByText("alone").click();
  await page.waitForURL(new RegExp(id));
  await page.getByText("tick 1.", { exact: true }).first().waitFor();
  process.kill(await service.pid("api"), "SIGKILL");
  await page.getByText("tick 12.", { exact: true }).first().waitFor();
});

test("who wants less motion sees none", { timeout: 120_000 }, async () => {
  await using visitor = await visit(browser, service, { reducedMotion: "reduce" });
  const { page } = visitor;
  const { id } = await service.client.createTask({ environment: "site", title: "still", prompt: script("sleep 60") });
  const dot = page.locator(`[data-task="${id}"] .turning`);
  await dot.waitFor();
  assert.equal(await page.evaluate(`getComputedStyle(document.querySelector('[data-task="${id}"] .turning')).animationName`), "none");
  assert.equal(await page.evaluate("document.getAnimations().filter((one) => one.effect.getComputedTiming().duration > 0).length"), 0);
  await service.client.cancel(id);
});

test("the list goes on beyond its first page, by repository and person, and stays live", { timeout: 180_000 }, async () => {
  const { id: ben } = JSON.parse(await service.said(["user", "add", "Ben", "--email", "ben@example.org", "--json"]));
  const { token } = JSON.parse(await service.said(["token", "create", "ben", "--user", ben, "--json"]));
  const busy: string[] = [];
  for (let at = 0; at < 9; at++)
    busy.push((await service.client.createTask({ environment: "site", title: `busy ${at}`, prompt: script("sleep 600") })).id);
  const waiting: string[] = [];
  for (let at = 0; at < 110; at++)
    waiting.push((await service.client.createTask({ environment: "shop", title: `waits ${at}`, prompt: "x" })).id);

  await using visitor = await visit(browser, service);
  const { page } = visitor;
  const list = page.getByRole("navigation", { name: "Tasks" });
  const rows = list.locator("[data-task]");
  const counted = async (count: number) => {
    await rows.nth(count - 1).waitFor();
    await rows.nth(count).waitFor({ state: "detached" });
  };
  await counted(100);
  await list.getByText("waiting: your limit of 9 runs").first().waitFor();
  await list.getByRole("button", { name: "Active 99+" }).waitFor();
  await list.getByRole("button", { name: "Show older" }).click();
  await rows.nth(110).waitFor();
  assert.equal(await list.locator(`[data-task="${busy[0]}"]`).count(), 1);
  assert.equal(await list.getByRole("button", { name: "Show older" }).count(), 0);
  assert.equal(new Set(await rows.evaluateAll((all) => all.map((row) => row.getAttribute("data-task")))).size, await rows.count());
  assert.deepEqual(await seriousFindings(page), []);

  const theirs = await connect({ url: service.url, token }).createTask({
    environment: "shop",
    title: "of Ben",
    prompt: script("sleep 600"),
  });
  await list.locator(`[data-task="${theirs.id}"]`).waitFor();
  await list.getByLabel("Person").selectOption({ label: "Ben" });
  await counted(1);
  const another = await connect({ url: service.url, token }).createTask({
    environment: "site",
    title: "Ben, too",
    prompt: script("sleep 600"),
  });
  await list.locator(`[data-task="${another.id}"]`).waitFor();
  await list.getByLabel("Repository").selectOption(shop.path);
  await counted(1);
  assert.equal(await list.locator(`[data-task="${theirs.id}"]`).count(), 1);
  await list.getByLabel("Person").selectOption("");
  await counted(100);
  await list.getByRole("searchbox", { name: "Search tasks" }).fill("waits 7");
  await counted(11);

  await page.goto(`${service.url}/new`);
  await page.getByRole("textbox", { name: "What is to be done" }).waitFor();
  assert.deepEqual(await seriousFindings(page), []);
  await using nobody = await visitAsNobody(browser);
  await nobody.page.goto(service.url);
  await nobody.page.getByLabel("Password").waitFor();
  assert.deepEqual(await seriousFindings(nobody.page), []);
});
