import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Page } from "playwright-core";
import { until } from "../../packages/server/src/testing/farhand.ts";
import { makeGate } from "../gate.ts";
import { script } from "../repository.ts";
import { loginLink, overhang, PHONE, seriousFindings, untilStatus, visit, visitAsNobody } from "./browser.ts";
import { give, openScene, takeAway } from "./scene.ts";

const scene = await openScene({ "README.md": "# Shop\n", "cart.ts": "export const total = (a: number) => a;\n" });
const { service, browser, shop } = scene;
after(() => scene[Symbol.asyncDispose]());

test("a one-time link lets in once, and leaves no trace in the address", { timeout: 300_000 }, async () => {
  const link = await loginLink(service);
  await using visitor = await visitAsNobody(browser);
  await visitor.page.goto(link);
  await visitor.page.getByRole("link", { name: "Settings" }).waitFor();
  assert.doesNotMatch(visitor.page.url(), /login/);
  await using second = await visitAsNobody(browser);
  await second.page.goto(link);
  await second.page.getByRole("alert").waitFor();
  assert.match(await second.page.getByRole("heading", { level: 1 }).innerText(), /Log in/);
});

test("a task is seen at work, its diff when done, and its branch is published", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  const gate = makeGate();
  const first = `echo first line; ${gate.command}; printf '\\033[31mred line\\033[0m\\n'`;
  await give(scene, page, script(first, "sed -i 's/a;/a * 2;/' cart.ts && echo second"));
  await page.getByText("first line", { exact: true }).first().waitFor();
  await untilStatus(page, /running/i);
  assert.equal(await page.getByText("red line", { exact: true }).count(), 0, "it is shown as it happens");
  await gate.open();
  await page.locator(".text-bad", { hasText: "red line" }).first().waitFor();
  await untilStatus(page, /ready to review/i);
  const diff = page.getByRole("region", { name: "Diff" });
  await diff.getByRole("button", { name: /cart\.ts/ }).waitFor();
  await diff
    .getByText("a * 2")
    .or(diff.locator("span", { hasText: "* " }))
    .first()
    .waitFor();
  await page.getByRole("button", { name: "Split" }).click();
  await page.getByRole("button", { name: "Unified" }).click();
  assert.match(await page.getByRole("group", { name: "Phases" }).innerText(), /checkout[\s\S]*sandbox[\s\S]*agent[\s\S]*collect/);
  await page.getByRole("tab", { name: "Terminal" }).click();
  await page.getByRole("searchbox", { name: "Search the output" }).fill("second");
  await page.getByText("of 2", { exact: false }).waitFor();
  await page.getByRole("tab", { name: "Steps" }).click();
  await page.getByRole("table").waitFor();
  assert.deepEqual(await seriousFindings(page), []);

  await page.getByRole("button", { name: "Publish branch" }).click();
  await page.getByRole("button", { name: "Copy branch" }).waitFor();
  const branch = (await page.locator("header [role=status] code").first().innerText()).trim();
  assert.match(await shop.git("show", `${branch}:cart.ts`), /a \* 2/);
  assert.deepEqual(visitor.complaints, []);
});

test("a task that works can be cancelled", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  await give(scene, page, script("echo begun; sleep 60"));
  await page.getByText("begun", { exact: true }).first().waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await untilStatus(page, /cancelled/i);
  await page.getByRole("button", { name: "Cancel" }).waitFor({ state: "detached" });
  assert.equal(await page.getByRole("button", { name: "Publish branch" }).count(), 0);
});

test("a lost connection is said, and caught up without a gap or a repeat", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  const gate = makeGate();
  await give(scene, page, script(`echo tick 1.; ${gate.command}; for i in $(seq 2 12); do echo tick $i.; sleep 0.1; done`));
  await page.getByText("tick 1.", { exact: true }).first().waitFor();
  using api = await takeAway(service);
  await page.getByText("The connection is lost").waitFor();
  await gate.open();
  api.back();
  await page.getByText("tick 12.").first().waitFor();
  await page.getByText("The connection is lost").waitFor({ state: "detached" });
  await untilStatus(page, /nothing changed/i);
  await page.getByRole("tab", { name: "Terminal" }).click();
  const terminal = page.getByRole("region", { name: "Terminal" });
  await terminal.getByText("tick 12.", { exact: true }).last().waitFor();
  const shown = await terminal.innerText();
  assert.deepEqual(
    [...shown.matchAll(/^tick (\d+)\.$/gm)].map((found) => Number(found[1])),
    Array.from({ length: 12 }, (_, at) => at + 1),
  );
});

test("a view whose code is not loaded yet says that the service is away, and comes by itself once it is back", {
  timeout: 300_000,
}, async () => {
  const { id } = await service.client.createTask({ environment: "shop", prompt: `Look at it later\n${script("true")}` });
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  const row = page.locator(`[data-task="${id}"]`);
  await page.getByRole("button", { name: "Done" }).click();
  await row.waitFor();
  using api = await takeAway(service);
  await page.getByText("The connection is lost").waitFor();
  await row.click();
  await page.getByRole("alert").getByText(`cannot reach Farhand at ${service.url}`).waitFor();
  api.back();
  await page.getByRole("log", { name: "Transcript" }).getByText("Look at it later").waitFor();
});

test("somebody who was invited joins, and does not see the tasks of others", { timeout: 300_000 }, async () => {
  await using ada = await visit(browser, service);
  const task = await give(scene, ada.page, script("echo secret of Ada"));
  await ada.page.goto(`${service.url}/settings/people`);
  await ada.page.getByLabel("E-mail of whom you invite").fill("grace@example.org");
  await ada.page.getByRole("button", { name: "Make an invitation" }).click();
  const link = await ada.page.locator("[data-invitation]").innerText();
  await using grace = await visitAsNobody(browser);
  await grace.page.goto(link.trim());
  await grace.page.getByLabel("Your name").fill("Grace");
  await grace.page.getByLabel("A password").fill("a long enough password");
  await grace.page.getByRole("button", { name: "Join" }).click();
  await grace.page.getByRole("link", { name: "Grace" }).waitFor();
  assert.equal(await grace.page.locator(`[data-task="${task}"]`).count(), 0);
  await grace.page.goto(`${service.url}/tasks/${task}`);
  await grace.page.getByText("This task cannot be shown").waitFor();
  assert.equal(await grace.page.getByText("secret of Ada").count(), 0);

  await grace.page.goto(`${service.url}/settings/account`);
  await grace.page.getByRole("button", { name: "Log out" }).click();
  await grace.page.getByLabel("E-mail").fill("grace@example.org");
  await grace.page.getByLabel("Password").fill("a long enough password");
  await grace.page.getByRole("button", { name: "Log in" }).click();
  await grace.page.getByRole("link", { name: "Grace" }).waitFor();
});

test("everything fits a phone, in light and dark", { timeout: 300_000 }, async () => {
  for (const colorScheme of ["light", "dark"] as const) {
    await using visitor = await visit(browser, service, { viewport: PHONE, colorScheme, hasTouch: true });
    const { page } = visitor;
    await page.goto(`${service.url}/`);
    await page.getByRole("link", { name: "New task" }).click();
    await page.getByRole("textbox", { name: "What is to be done" }).fill(script(`echo ${"long".repeat(60)} | tee -a README.md`));
    await page.getByRole("button", { name: "Start" }).click();
    await untilStatus(page, /ready to review/i);
    assert.equal(await overhang(page), 0);
    await page.getByRole("tab", { name: "Diff" }).click();
    await page.getByRole("region", { name: "Diff" }).getByText("long").first().waitFor();
    assert.equal(await overhang(page), 0);
    assert.deepEqual(await seriousFindings(page), [], colorScheme);
    await page.getByRole("navigation", { name: "Where" }).getByRole("link", { name: "Tasks" }).click();
    await page.locator("[data-task]").first().waitFor();
    assert.equal(await overhang(page), 0);
    assert.deepEqual(await seriousFindings(page), [], colorScheme);
    const background = await page.evaluate("getComputedStyle(document.body).backgroundColor");
    assert.equal(background, colorScheme === "light" ? "rgb(251, 251, 250)" : "rgb(18, 19, 18)");
  }
});

test("a task is given, read and published by keyboard alone", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  const key = (name: string) => page.keyboard.press(name);
  const inARow = (...names: string[]) => Promise.all(names.map(key)); // the next is not late because the page is slow
  await key("?");
  await page.getByRole("dialog", { name: "By keyboard" }).waitFor();
  await key("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await key("n");
  await page.waitForURL(/\/new/);
  await page.locator("textarea:focus").waitFor();
  const [first, ...lines] = script("echo by keyboard >> README.md").split("\n");
  await page.keyboard.type(first ?? "");
  for (const line of lines) {
    await key("Shift+Enter");
    await page.keyboard.type(line);
  }
  await key("Enter");
  await page.waitForURL(/\/tasks\//);
  await untilStatus(page, /ready to review/i);
  await inARow("g", "t");
  await page.getByRole("region", { name: "Terminal" }).waitFor();
  await inARow("g", "n"); // which alone opens the form of a new task
  await page.getByRole("tabpanel", { name: "Network" }).waitFor();
  await inARow("g", "d");
  await page.getByRole("region", { name: "Diff" }).waitFor();
  await key("p");
  await page.getByRole("button", { name: "Copy branch" }).waitFor();
  await key("/");
  await page.locator("input[type=search]:focus").waitFor();
  await page.locator("nav").first().getByRole("link").first().focus();
  await key("Escape");
  await page.waitForURL((url) => url.pathname === "/");
  await page.getByRole("button", { name: "Done" }).focus();
  await key("Enter");
  await page.locator("[data-task]").first().waitFor();
  await key("j");
  assert.equal(await page.evaluate("document.activeElement.matches('[data-task]')"), true);
  assert.notEqual(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle"), "none");
  await key("Enter");
  await page.waitForURL(/\/tasks\//);
});

test("nothing that comes from a sandbox can act on the page", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  const evil = "<img src=x onerror=alert(1)><script>alert(2)</script>";
  const task = await service.client.createTask({
    environment: "shop",
    title: `${evil} \u202Egnp.exe`,
    prompt: `[click](javascript:alert(3)) ![x](http://127.0.0.1:1/pixel.png) ${evil}\n\n${script(
      `echo '${evil}'; printf '\\033]0;owned\\007\\033[2J\\033[31;1m<b>bold</b>\\033[0m\\n'`,
      `mkdir -p '<script>alert(4)<' && echo '${evil}' > '<script>alert(4)<'/'a"b.html' && printf 'x\\342\\200\\256y\\n' > "$(printf 'bad\\342\\200\\256txt.js')"`,
    )}`,
  });
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(`${service.url}/tasks/${task.id}`);
  await untilStatus(page, /ready to review/i);
  const diff = page.getByRole("region", { name: "Diff" });
  await diff.getByText("<script>alert(4)<", { exact: false }).first().waitFor();
  await diff.getByText("<U+202E>", { exact: false }).first().waitFor();
  await page.getByRole("tab", { name: "Terminal" }).click();
  await page.getByRole("region", { name: "Terminal" }).getByText("<b>bold</b>", { exact: true }).waitFor();
  assert.match(await page.getByRole("heading", { level: 1 }).innerText(), /<img src=x onerror=alert\(1\)>.*<U\+202E>gnp/);
  assert.equal(await page.locator("img, iframe, object, a[href^='javascript:'], main script, main b:not(nav b)").count(), 0);
  assert.deepEqual(
    asked.filter((url) => !url.startsWith(service.url)),
    [],
  );
  assert.deepEqual(visitor.complaints, []);
});

test("eight tabs share one stream, and all of them are alive", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service);
  const task = await give(scene, visitor.page, script("for i in $(seq 1 10000); do echo tock $i.; sleep 0.5; done"));
  const tabs = [visitor.page];
  for (let tab = 0; tab < 7; tab++) {
    const page = await visitor.open();
    await page.goto(`${service.url}/tasks/${task}`);
    tabs.push(page);
  }
  const last = async (page: Page) =>
    Number(
      /\d+/.exec(
        await page
          .getByText(/^tock \d+\.$/)
          .last()
          .innerText(),
      )?.[0],
    );
  for (const page of tabs) {
    await page.bringToFront();
    const seen = await last(page);
    await until(`three more than ${seen} are there`, async () => (await last(page)) >= seen + 3);
  }
  await service.client.stop(task);
  for (const page of tabs) {
    await page.bringToFront();
    await untilStatus(page, /nothing changed/i);
  }
});
