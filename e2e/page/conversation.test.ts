import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Page } from "playwright-core";
import { until } from "../../packages/server/src/testing/farhand.ts";
import { makeGate } from "../gate.ts";
import { script } from "../repository.ts";
import { overhang, PHONE, seriousFindings, untilStatus, untilValue, visit } from "./browser.ts";
import { give, openSceneWithModel, untilDone } from "./scene.ts";

const MODEL = "openai/gpt-6.2-sol";
const scene = await openSceneWithModel({ "README.md": "# Shop\n" }, ({ url }) => ({ OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: url }));
const { service, browser, model, shop } = scene;
await service.client.chooseDefaultModel("script");
after(() => scene[Symbol.asyncDispose]());

async function say(page: Page, box: string, text: string): Promise<void> {
  await page.getByRole("textbox", { name: box }).fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

test("what is typed while a message is sent stays", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  const gate = makeGate();
  await give(scene, page, script(gate.command));
  const box = page.getByRole("textbox", { name: "Message to the agent" });
  const answer = Promise.withResolvers<void>();
  await page.route("**/api/v1/tasks/*/messages", async (route) => {
    await answer.promise;
    await route.continue();
  });
  const asked = page.waitForRequest("**/api/v1/tasks/*/messages");
  await box.fill("The first");
  await box.press("Enter");
  await asked;
  await box.fill("The second");
  answer.resolve();
  await page.getByRole("log", { name: "Transcript" }).getByText("The first").waitFor();
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("log", { name: "Transcript" }).getByText("The second").waitFor();
  await gate.open();
});

test("an agent at work is told something, and stopped with what it had done", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  const gate = makeGate();
  await give(scene, page, script(`echo one > one; echo begun; ${gate.command}`));
  await page.getByText("begun", { exact: true }).first().waitFor();
  await say(page, "Message to the agent", script("echo two > two; echo steered; sleep 1000"));
  const waiting = page.getByText("the agent is told before its next step");
  await waiting.waitFor();
  await gate.open();
  await page.getByText("steered", { exact: true }).first().waitFor();
  await waiting.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Stop" }).click();
  await untilStatus(page, /stopped: ready to review/i);
  const diff = page.getByRole("region", { name: "Diff" });
  for (const file of ["one", "two"]) await diff.getByRole("button", { name: new RegExp(`^${file}`) }).waitFor();
  assert.deepEqual(visitor.complaints, []);
});

test("a comment on a line goes into the next turn, which stands on the result, and moves the branch on", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  const id = await give(scene, page, script("echo goodbye >> README.md"));
  await untilStatus(page, /ready to review/i);
  await page.getByRole("combobox", { name: "Mode of the next turn" }).selectOption("ask");
  await say(page, "What next", script("echo tried >> README.md"));
  await untilStatus(page, /answered; the change is ready to review/i);
  assert.doesNotMatch(await page.getByRole("region", { name: "Diff" }).innerText(), /tried/);
  await page.getByRole("button", { name: "Publish branch" }).click();
  await page.getByRole("button", { name: "Copy branch" }).waitFor();
  await page.getByRole("combobox", { name: "Mode of the next turn" }).selectOption("code");
  const branch = (await page.locator("header [role=status] code").first().innerText()).trim();

  await page.getByRole("button", { name: "Comment on line 2" }).click();
  await page.getByRole("textbox", { name: "Comment on line 2" }).fill("in capitals");
  await page.getByRole("button", { name: "Add comment" }).click();
  await say(page, "What next", script("tr a-z A-Z < README.md > x && mv x README.md"));
  await page
    .getByRole("region", { name: "Diff" })
    .getByText(/GOODBYE/)
    .first()
    .waitFor();
  assert.match(
    await page.getByRole("log").innerText(),
    /goodbye >> README[\s\S]*Show what it left[\s\S]*On line 2 of README.md:[\s\S]*in capitals/,
  );

  await page.getByRole("button", { name: "Show what it left" }).first().click();
  await page
    .getByRole("region", { name: "Diff" })
    .getByText(/goodbye/)
    .first()
    .waitFor();
  await page.getByRole("button", { name: "Back to the last turn" }).click();
  await page
    .getByRole("region", { name: "Diff" })
    .getByText(/GOODBYE/)
    .first()
    .waitFor();

  await page.getByRole("button", { name: "Publish the new state" }).click();
  let published = 0;
  for await (const { body } of service.client.events(id)) if (body.type === "publication.published" && ++published === 2) break;
  await page.getByRole("button", { name: "Publish the new state" }).waitFor({ state: "detached" });
  assert.match(await shop.git("show", `${branch}:README.md`), /GOODBYE/);
  assert.deepEqual(await seriousFindings(page), []);
  assert.deepEqual(visitor.complaints, []);
});

test("attempts are compared, one is chosen, and the next turn goes on from it", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  const id = await give(scene, page, script("mkdir $$-dir; echo $RANDOM > $$-dir/x"), 2);
  await untilStatus(page, /2 attempts to choose from/i);
  const attempts = page.getByRole("group", { name: "Attempts" });
  for (const one of [/^1\s*done/, /^2\s*done/]) await attempts.getByRole("button", { name: one }).waitFor();
  await page.keyboard.press("]");
  await attempts.getByRole("button", { name: /^2/, pressed: true }).waitFor();
  await page.getByRole("tab", { name: "Compare" }).click();
  await page.getByRole("table").getByText("+1").first().waitFor();
  assert.deepEqual(await seriousFindings(page), []);
  await page.getByRole("button", { name: "Choose 1" }).click();
  await page.getByText("✓ chosen").waitFor();
  await page.getByRole("button", { name: "Attempt 1", exact: true }).click();
  await say(page, "What next", script("ls -d *-dir"));
  await page.getByText("Show what it left").waitFor();
  await untilDone(scene, id, 2);
  await untilStatus(page, /ready to review/i);
  assert.deepEqual([(await service.client.task(id)).turn, visitor.complaints], [2, []]);
});

test("an agent that asks waits without a worker, and goes on with the answer, from the page and from the command line", {
  timeout: 300_000,
}, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  model.script(
    { text: "I begin.", calls: [{ name: "write_file", arguments: { path: "begun.txt", content: "begun\n" } }] },
    { calls: [{ name: "ask_user", arguments: { question: "Which greeting?", options: ["Hello", "Goodbye"] } }] },
    { calls: [{ name: "ask_user", arguments: { question: "And how loud?" } }] },
    { text: "Done as you said." },
    { text: "Add a greeting\n\nIt is <b>loud</b>, in capitals." },
  );
  const task = await service.client.createTask({ environment: "shop", prompt: "Greet", model: MODEL });
  await page.goto(`${service.url}/tasks/${task.id}`);
  const asked = (words: string) => page.getByRole("form", { name: "Reply" }).getByText(words).waitFor();
  await asked("Which greeting?");
  await untilStatus(page, /asks you/i);
  assert.deepEqual(await seriousFindings(page), []);
  await page.getByRole("tab", { name: "Diff" }).click();
  await page
    .getByRole("region", { name: "Diff" })
    .getByRole("button", { name: /begun\.txt/ })
    .waitFor();
  await page.getByRole("button", { name: "Goodbye" }).click();
  await asked("And how loud?");
  assert.match(await page.getByRole("log").innerText(), /Which greeting\?[\s\S]*Goodbye[\s\S]*And how loud\?/);

  const waiting = await service.farhand(["watch", task.id]);
  assert.deepEqual([waiting.code, /\? And how loud\?/.test(waiting.stdout)], [1, true]);
  assert.match(await service.said(["reply", task.id, "--wait", "in capitals"]), /● answered by[\s\S]*Done as you said\./);
  await untilStatus(page, /ready to review/i);
  await page
    .getByRole("region", { name: "Diff" })
    .getByRole("button", { name: /begun\.txt/ })
    .waitFor();
  const message = page.getByRole("region", { name: "Commit message" });
  assert.equal(await message.innerText(), "Add a greeting\n\nIt is <b>loud</b>, in capitals.");
  await page.locator("header").getByRole("heading", { name: "Add a greeting" }).waitFor();
  await page.getByRole("navigation", { name: "Tasks" }).getByText("Add a greeting").waitFor();
  assert.deepEqual(await seriousFindings(page), []);
  await page.reload();
  await page.getByRole("link", { name: /^<?\$\d+\.\d\d today$/ }).waitFor();
  const [, , second, last] = model.asked.map(({ body }) => JSON.stringify(body));
  assert.match(second ?? "", /Goodbye/);
  assert.match(last ?? "", /in capitals/);
  assert.deepEqual(visitor.complaints, []);
});

test("the next turn has another model, limits of its own and a file, where they are chosen", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service, { viewport: PHONE });
  const { page } = visitor;
  const { id } = await service.client.createTask({ environment: "shop", prompt: script("true"), limits: { steps: 50, costUsd: 2 } });
  await page.goto(`${service.url}/tasks/${id}`);
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("combobox", { name: "Model" }).selectOption(MODEL);
  await page.getByRole("combobox", { name: "Effort" }).selectOption("low");
  const steps = page.getByRole("spinbutton", { name: "Steps" });
  await untilValue(steps, "50"); // as the turn before
  await page.getByRole("spinbutton", { name: "US dollars" }).fill("");
  await page.getByRole("spinbutton", { name: "Minutes" }).fill("7");
  assert.ok((await overhang(page)) <= 0);
  assert.deepEqual(await seriousFindings(page), []);
  model.script({ text: "All is well." });
  const box = page.getByRole("textbox", { name: "What next" });
  await box.fill("Look again");
  await page.locator("input[type=file]").setInputFiles({ name: "seen.txt", mimeType: "text/plain", buffer: Buffer.from("a stack\n") });
  await untilValue(box, "Look again\n\nseen.txt:\n```\na stack\n```\n");
  await box.press("Enter");
  await page.getByText("All is well.").waitFor();
  const task = await service.client.task(id);
  assert.deepEqual([task.model, task.effort, task.limits], [MODEL, "low", { steps: 50, minutes: 7 }]);
  await page.getByRole("button", { name: "More", exact: true }).waitFor();
  assert.deepEqual(visitor.complaints, []);
});

test("a step is gone back to, and the next turn leaves behind what came after it", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  const id = await give(scene, page, script("echo one > one", "echo two > two", "echo three > three"));
  await untilStatus(page, /ready to review/i);
  const transcript = page.getByRole("log", { name: "Transcript" });
  await transcript.getByText("echo two > two").last().hover();
  const back = transcript.getByRole("button", { name: "Go back to here" });
  await back.nth(2).waitFor();
  assert.equal(await back.count(), 3);
  await back.nth(1).click();
  await page.getByText("Goes on from step 2 of attempt 1").waitFor();
  await page.locator(':focus[aria-label="What next"]').waitFor();
  assert.deepEqual(await seriousFindings(page), []);
  await page.getByRole("button", { name: "Go on from the end instead" }).click();
  await page.getByText("Goes on from").waitFor({ state: "detached" });
  await back.nth(1).focus();
  await page.keyboard.press("Enter");
  await say(page, "What next", script("echo four > four"));
  await transcript.getByText("went back to step 2 of attempt 1 of turn 1").waitFor();
  await untilDone(scene, id, 2);
  await untilStatus(page, /ready to review/i);
  const patch = new TextDecoder().decode(await service.client.patch(id, 1));
  assert.deepEqual(patch.match(/^\+\w+$/gm), ["+four", "+one", "+two"]);
  assert.deepEqual(visitor.complaints, []);
});

test("on a phone there is the reply box too, and nothing hangs over", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service, { viewport: PHONE });
  const { page } = visitor;
  await give(scene, page, script("echo x > x"), 2);
  await untilStatus(page, /2 attempts/i);
  await page.getByRole("textbox", { name: "What next" }).waitFor();
  for (const tab of ["Transcript", "Compare", "Diff", "Steps"]) {
    await page.getByRole("tab", { name: tab }).click();
    assert.ok((await overhang(page)) <= 0, tab);
  }
  assert.deepEqual(await seriousFindings(page), []);
});

test("a finished task of several turns opens at what was asked last", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  const steps = Array.from({ length: 30 }, (_, at) => `echo ${at} >> log`);
  const id = await give(scene, page, script(...steps));
  await untilStatus(page, /ready to review/i);
  await say(page, "What next", `The question at the end\n${script(...steps)}`);
  await untilDone(scene, id, 2);
  const again = await visitor.open();
  await again.goto(`${service.url}/tasks/${id}`);
  const asked = again.getByRole("log", { name: "Transcript" }).getByText("The question at the end");
  await asked.waitFor();
  const isInView = async () => {
    const [box, log] = [await asked.boundingBox(), await again.getByRole("log", { name: "Transcript" }).boundingBox()];
    return box !== null && log !== null && box.y >= log.y && box.y < log.y + log.height;
  };
  await until("the question stands in view", isInView); // the log comes in pieces
  assert.deepEqual(visitor.complaints, []);
});
