import assert from "node:assert/strict";
import { after, test } from "node:test";
import { connect } from "@farhand/protocol";
import { makeGate } from "../gate.ts";
import { makeRepository, script } from "../repository.ts";
import { loginLink, seriousFindings, untilStatus, visit, visitAsNobody } from "./browser.ts";
import { openScene } from "./scene.ts";

const scene = await openScene({ "README.md": "# Shop\n" }, { FARHAND_MAX_RUNS_PER_USER: "9" });
const { service, browser, shop } = scene;
const site = await makeRepository();
await service.client.createEnvironment({ name: "site", repository: site.path });
after(async () => {
  await scene[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

test("eight tabs, each on a task of its own, are all alive", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service);
  const tabs = [];
  for (let at = 0; at < 8; at++) {
    const gate = makeGate();
    const prompt = script(`echo tick 1.; ${gate.command}; echo tick 2.`);
    const { id } = await service.client.createTask({ environment: "site", title: `tab ${at}`, prompt });
    const page = at === 0 ? visitor.page : await visitor.open();
    await page.goto(`${service.url}/tasks/${id}`);
    await page.getByText("tick 1.", { exact: true }).first().waitFor();
    tabs.push({ page, gate });
  }
  for (const { gate } of tabs) await gate.open();
  for (const { page } of tabs) {
    await page.bringToFront();
    await page.getByText("tick 2.", { exact: true }).first().waitFor();
    await untilStatus(page, /nothing changed/i);
  }
});

test("without workers that tabs share, each tab follows by itself", { timeout: 300_000 }, async () => {
  await using visitor = await visitAsNobody(browser);
  await visitor.context.addInitScript("delete globalThis.SharedWorker");
  const { page } = visitor;
  await page.goto(await loginLink(service));
  await page.getByRole("link", { name: "Settings" }).waitFor();
  assert.equal(await page.evaluate("typeof SharedWorker"), "undefined");
  const gate = makeGate();
  const prompt = script(`echo tick 1.; ${gate.command}; echo tick 2.`);
  const { id } = await service.client.createTask({ environment: "site", title: "alone", prompt });
  await page.getByRole("navigation", { name: "Tasks" }).getByText("alone").click();
  await page.waitForURL(new RegExp(id));
  await page.getByText("tick 1.", { exact: true }).first().waitFor();
  process.kill(await service.pid("api"), "SIGKILL");
  await gate.open();
  await page.getByText("tick 2.", { exact: true }).first().waitFor();
});

test("a task that was given after the list was read, and before it was followed, is in it", { timeout: 300_000 }, async () => {
  await using visitor = await visitAsNobody(browser);
  await visitor.context.addInitScript("delete globalThis.SharedWorker");
  const { page } = visitor;
  const follow = Promise.withResolvers<void>();
  await page.route("**/api/v1/events", async (route) => {
    await follow.promise;
    await route.continue();
  });
  const read = page.waitForResponse((response) => response.url().includes("/api/v1/tasks?"));
  await page.goto(await loginLink(service));
  await (await read).finished();
  const { id } = await service.client.createTask({ environment: "site", title: "between", prompt: script("sleep 600") });
  for await (const { body } of service.client.events(id)) if (body.type === "tool.started") break; // from now on nothing more is told of it
  follow.resolve();
  await page.locator(`[data-task="${id}"]`).waitFor();
  await service.client.cancel(id);
});

test("who wants less motion sees none", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service, { reducedMotion: "reduce" });
  const { page } = visitor;
  const { id } = await service.client.createTask({ environment: "site", title: "still", prompt: script("sleep 600") });
  const dot = page.locator(`[data-task="${id}"] .turning`);
  await dot.waitFor();
  assert.equal(await page.evaluate(`getComputedStyle(document.querySelector('[data-task="${id}"] .turning')).animationName`), "none");
  assert.equal(await page.evaluate("document.getAnimations().filter((one) => one.effect.getComputedTiming().duration > 0).length"), 0);
  await service.client.cancel(id);
});

test("the list goes on beyond its first page, by repository and person, and stays live", { timeout: 300_000 }, async () => {
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
  await list.locator(`[data-task="${busy[0]}"]`).waitFor();
  await list.getByRole("button", { name: "Show older" }).waitFor({ state: "detached" });
  const shown = await rows.evaluateAll((all) => all.map((row) => row.getAttribute("data-task")));
  assert.equal(new Set(shown).size, shown.length);
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
  await list.locator(`[data-task="${theirs.id}"]`).waitFor();
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
