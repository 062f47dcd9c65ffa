import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Page } from "playwright-core";
import { makeGate } from "../gate.ts";
import { script } from "../repository.ts";
import { overhang, PHONE, seriousFindings, shoot, untilStatus, visit } from "./browser.ts";
import { openSceneWithModel } from "./scene.ts";

const MODEL = "compatible/hand";

const scene = await openSceneWithModel({ "README.md": "# Shop\n", "cart.ts": "export const total = (a: number) => a;\n" });
const { service, browser, model, shop } = scene;
after(() => scene[Symbol.asyncDispose]());

const phase = (page: Page, name: RegExp) => page.getByRole("group", { name: "Phases" }).getByRole("button", { name });

test("each phase opens to what was said and done in it; the one that kept the agent from beginning is open by itself", {
  timeout: 300_000,
}, async () => {
  const setup = "printf '\\033[31mred words\\033[0m\\n'; curl -sS http://10.0.0.1/ || true; echo no such package >&2; exit 3";
  await service.client.createEnvironment({
    name: "broken",
    repository: shop.path,
    setup,
    setupNetwork: { kind: "allow", domains: ["example.org"] },
  });
  const { id } = await service.client.createTask({ environment: "broken", prompt: script("true") });
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  await page.goto(`${service.url}/tasks/${id}`);
  const log = page.getByRole("region", { name: "Log of setup" });
  await log.locator(".text-bad", { hasText: "red words" }).waitFor();
  await log.getByText("no such package").first().waitFor();
  await log.getByText("setup failed: exit 3").waitFor();
  await log.getByRole("paragraph").filter({ hasText: "refused by policy: GET 10.0.0.1:80" }).waitFor();
  await phase(page, /^setup\s*× failed/).waitFor();
  await page.locator("header").getByText("(auto)").waitFor();
  await shoot(page, "header-failed");
  assert.deepEqual(await seriousFindings(page), []);
  await log.getByRole("button", { name: "Close this log" }).click();
  await log.waitFor({ state: "detached" });
  await phase(page, /^checkout/).click();
  await page.getByRole("region", { name: "Log of checkout" }).getByText("Result").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("region", { name: "Log of checkout" }).waitFor({ state: "detached" });
  assert.equal(new URL(page.url()).pathname, `/tasks/${id}`, "the key closes the log, and no more");
  await page.locator(":focus", { hasText: /^checkout/ }).waitFor();
  await page.setViewportSize(PHONE);
  await phase(page, /^setup/).click();
  assert.equal(await overhang(page), 0);
  await shoot(page, "header-failed-phone");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("log", { name: "Transcript" }).getByText("tried again").waitFor();
  await untilStatus(page, /setup failed/i);
  await log.getByText("setup failed: exit 3").waitFor();
  assert.deepEqual(visitor.complaints, []);
});

test("a phase that runs is seen live; a step of the agent leads to what came of it", { timeout: 300_000 }, async () => {
  const gate = makeGate();
  const setup = `for i in $(seq 1 40); do echo line $i; done; ${gate.command}; echo went on`;
  await service.client.createEnvironment({ name: "waiting", repository: shop.path, setup });
  const { id } = await service.client.createTask({
    environment: "waiting",
    prompt: script("seq 1 300", "seq 1 300", "echo by the third step >> README.md"),
    model: "script",
  });
  await using visitor = await visit(browser, service, { colorScheme: "dark" });
  const { page } = visitor;
  await page.goto(`${service.url}/tasks/${id}`);
  await phase(page, /^setup\s*●/).click();
  const log = page.getByRole("region", { name: "Log of setup" });
  await log.getByText("line 40", { exact: true }).waitFor();
  await shoot(page, "header-live");
  await gate.open();
  await log.getByText("went on", { exact: true }).waitFor();
  await untilStatus(page, /ready to review/i);
  await phase(page, /^agent/).click();
  const agent = page.getByRole("region", { name: "Log of agent" });
  await agent.getByRole("button", { name: "Step 3" }).click();
  await page.getByRole("log", { name: "Transcript" }).getByText("echo by the third step").last().waitFor();
  await shoot(page, "header-agent");
  assert.deepEqual(await seriousFindings(page), []);
  await page.setViewportSize(PHONE);
  await page.getByRole("tab", { name: "Diff" }).click();
  await agent.getByRole("button", { name: "Step 3" }).click();
  await page.getByRole("log", { name: "Transcript" }).getByText("echo by the third step").last().waitFor();
  assert.equal(await overhang(page), 0);
  await shoot(page, "header-agent-phone");
  assert.deepEqual(visitor.complaints, []);
});

test("a question is said whole where it is answered, in a line elsewhere, and the next step is to answer it", {
  timeout: 300_000,
}, async () => {
  const question = `Which greeting?\n\n${"It will be seen by everybody who opens the shop. ".repeat(4)}The end.`;
  const plan = (status: string) => ({ name: "update_plan", arguments: { steps: [{ step: "Greet", status }] } });
  model.script(
    { calls: [plan("in_progress")] },
    { calls: [{ name: "ask_user", arguments: { question, options: ["Hello", "Goodbye"] } }] },
    { text: "As you wish." },
  );
  const { id } = await service.client.createTask({ environment: "shop", prompt: "Greet", model: MODEL });
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  await page.goto(`${service.url}/tasks/${id}`);
  await untilStatus(page, /^\W*asks you$/i);
  await page.getByRole("form", { name: "Reply" }).getByText("The end.").waitFor();
  const transcript = page.getByRole("log", { name: "Transcript" });
  await transcript.getByText("asks: Which greeting?").waitFor();
  await transcript.getByText("●").waitFor();
  await shoot(page, "header-asks");
  assert.deepEqual(await seriousFindings(page), []);
  await page.getByRole("button", { name: "Answer R" }).click();
  await page.locator(':focus[aria-label="Answer"]').waitFor();
  await page.keyboard.type("Hello");
  await page.keyboard.press("Enter");
  await untilStatus(page, /done: nothing changed/i);
  await transcript.getByText("Greet · not finished").waitFor();
  assert.equal(await transcript.getByText("●").count(), 0);
  assert.deepEqual(visitor.complaints, []);
});

test("what is said of a file leads to it in the diff, at its line; limits that were reached can be gone on from", {
  timeout: 300_000,
}, async () => {
  const lines = Array.from({ length: 400 }, (_, at) => `export const n${at + 1} = ${at + 1};`).join("\n");
  model.script(
    { calls: [{ name: "write_file", arguments: { path: "src/numbers.ts", content: `${lines}\n` } }] },
    { calls: [{ name: "write_file", arguments: { path: "NOTES.md", content: "# Notes\n\nSee **there**.\n" } }] },
    { text: "See `src/numbers.ts:377`, and NOTES.md. Not `src/other.ts`, nor `toString`." },
    { text: "Add numbers" },
  );
  const { id } = await service.client.createTask({ environment: "shop", prompt: "Count", model: MODEL });
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  await page.goto(`${service.url}/tasks/${id}`);
  await untilStatus(page, /ready to review/i);
  const transcript = page.getByRole("log", { name: "Transcript" });
  await page.getByRole("tab", { name: "Steps" }).click();
  await transcript.getByRole("button", { name: "src/numbers.ts:377", exact: true }).click();
  const diff = page.getByRole("region", { name: "Diff" });
  await diff.getByText("n377").waitFor();
  await shoot(page, "header-links");
  await transcript.getByRole("button", { name: "NOTES.md", exact: true }).click();
  await diff.locator(".code-keyword", { hasText: "# Notes" }).waitFor();
  assert.equal(await transcript.getByRole("button", { name: /other|toString/ }).count(), 0);
  assert.deepEqual(await seriousFindings(page), []);

  model.script({ calls: [{ name: "shell", arguments: { command: "echo more" } }] }, { text: "Done now." });
  await service.client.followUp(id, { prompt: "More", limits: { steps: 1, costUsd: 2 }, effort: "low" });
  await untilStatus(page, /reached its limit of 1 step/i);
  await page.locator("header").getByText("compatible/hand · low", { exact: true }).waitFor();
  await page.locator("header").getByText("– of $2.00", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Try again" }).waitFor();
  await shoot(page, "header-limit");
  await page.getByRole("button", { name: "Go on" }).click();
  await transcript.getByText("Go on where you stopped.").waitFor();
  await page
    .getByRole("navigation", { name: "Where" })
    .getByText(/^main @ [0-9a-f]{7}$/)
    .waitFor();
  assert.deepEqual(visitor.complaints, []);
});

test("a run that was cut off is told of in the phase where it was, and the next run beside it", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  const gate = makeGate();
  const prompt = script(`echo begun; ${gate.command}`);
  const { id } = await service.client.createTask({ environment: "shop", prompt, model: "script" });
  await page.goto(`${service.url}/tasks/${id}`);
  await page.getByText("begun", { exact: true }).first().waitFor();
  process.kill(await service.pid("worker"), "SIGKILL");
  await phase(page, /^agent\s*cut off · run 1/).waitFor();
  await gate.open();
  await untilStatus(page, /done: nothing changed/i);
  await phase(page, /^agent\s*cut off · run 1/).click();
  await page
    .getByRole("region", { name: "Log of agent" })
    .getByText(/run 1 was cut off/)
    .waitFor();
  await phase(page, /^agent\s*\d.* step/).waitFor();
  await page
    .getByRole("navigation", { name: "Where" })
    .getByText(/^main @ [0-9a-f]{7}$/)
    .waitFor();
  await shoot(page, "header-cut-off");
  assert.deepEqual(await seriousFindings(page), []);
  assert.deepEqual(visitor.complaints, []);
});
