import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Page } from "playwright-core";
import { overhang, PHONE, seriousFindings, shoot, untilValue, visit } from "./browser.ts";
import { openScene } from "./scene.ts";

const scene = await openScene({ "README.md": "# Shop\n" });
const { service, browser } = scene;
after(() => scene[Symbol.asyncDispose]());

/** Drops files into the box that has the focus. */
const drop = (page: Page, files: { name: string; text: string }[]) =>
  page.evaluate(`{
    const dataTransfer = new DataTransfer();
    for (const { name, text } of ${JSON.stringify(files)}) dataTransfer.items.add(new File([text], name));
    document.activeElement.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  }`);

test("a link fills the form; a file of text that is dropped goes into the prompt; the limit that is set ends the work", {
  timeout: 300_000,
}, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  const blocks = "```sh\ntrue\n```\n```sh\ntrue\n```";
  await page.goto(`${service.url}/new?environment=shop&branch=main&mode=ask&model=script&prompt=${encodeURIComponent(blocks)}`);
  await untilValue(page.getByLabel("Mode"), "ask");
  await untilValue(page.getByLabel("Branch, tag or commit"), "main");
  const box = page.getByRole("textbox", { name: "What is to be done" });
  await box.focus();
  await drop(page, [
    { name: "large.log", text: "x".repeat(64 * 1024 + 1) },
    { name: "run.sh", text: "echo ```\n" },
  ]);
  await untilValue(box, `${blocks}\n\nrun.sh:\n\`\`\`\`\necho \`\`\`\n\`\`\`\`\n`);
  await drop(page, [{ name: "large.log", text: "x".repeat(64 * 1024 + 1) }]);
  await page.getByRole("alert").getByText("large.log is larger than 64 kB").waitFor();
  await drop(page, [{ name: "core", text: "\0\0" }]);
  await page.getByRole("alert").getByText("core is neither text nor a PNG").waitFor();

  await page.getByRole("button", { name: "Limits" }).click();
  const steps = page.getByRole("spinbutton", { name: "Steps" });
  await steps.and(page.getByPlaceholder("200")).waitFor();
  await steps.fill("1");
  await page.getByRole("button", { name: "Limits: 1 set" }).waitFor();
  assert.deepEqual(await seriousFindings(page), []);
  await shoot(page, "new-wide");
  await page.getByRole("button", { name: "Start" }).click();
  await page.waitForURL(/\/tasks\/task_/);
  await page.getByText("limit of 1 step").first().waitFor();
  assert.deepEqual(visitor.complaints, []);
});

test("once enough has been done, the form says how long it usually takes; all of it fits a phone", { timeout: 300_000 }, async () => {
  const given = await Promise.all([1, 2, 3].map(() => service.client.createTask({ environment: "shop", prompt: "```sh\ntrue\n```" })));
  for (const { id } of given) await service.said(["watch", id]);
  assert.equal((await service.client.estimate("shop", { mode: "ask" })).estimate, null);
  const { estimate, limits } = await service.client.estimate("shop");
  assert.deepEqual([estimate?.attempts, estimate?.sameModel, estimate?.costUsd], [3, true, { median: 0, most: 0 }]);
  assert.deepEqual([limits.steps, limits.minutes], [200, 60]);

  await using visitor = await visit(browser, service, { viewport: PHONE, colorScheme: "dark" });
  const { page } = visitor;
  await page.goto(`${service.url}/new?environment=shop&prompt=Fix+it`);
  await page.getByText("usually under 1 min", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Limits" }).click();
  assert.equal(await overhang(page), 0);
  assert.deepEqual(await seriousFindings(page), []);
  const [start, environment] = [
    await page.getByRole("button", { name: "Start" }).boundingBox(),
    await page.getByLabel("Environment").boundingBox(),
  ];
  assert.ok(start && environment && start.y - environment.y < 160, "choices and Start stand close together");
  await shoot(page, "new-phone");
  assert.deepEqual(visitor.complaints, []);
});
