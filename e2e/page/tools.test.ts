import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Said } from "../../packages/server/src/testing/model-server/said.ts";
import type { Asked } from "../../packages/server/src/testing/model-server.ts";
import { overhang, PHONE, seriousFindings, shoot, visit } from "./browser.ts";
import { openSceneWithModel } from "./scene.ts";

const scene = await openSceneWithModel({
  "README.md": "# Shop\n",
  "cart.py": "def total(items):\n    total = 0\n    for item in items:\n        total += round(item.price)\n    return total\n",
});
const { service, browser, model, shop } = scene;
after(() => scene[Symbol.asyncDispose]());

const call = (name: string, input: object): NonNullable<Said["calls"]> => [{ name, arguments: input }];
const plan = (...statuses: string[]) =>
  call("update_plan", {
    steps: ["Reproduce with a failing test", "Sum in integer cents", "Run the whole suite"].map((step, at) => ({
      step,
      status: statuses[at],
    })),
  });
const PATCH = [
  "*** Begin Patch",
  "*** Update File: cart.py",
  "@@ def total(items):",
  "-    total = 0",
  "+    cents = 0",
  "*** Add File: test_cart.py",
  "+from cart import total",
  "*** End Patch",
].join("\n");

const WORK: Said[] = [
  { text: "I will look first.", calls: plan("in_progress", "pending", "pending") },
  { calls: [...call("search", { pattern: "total", glob: "*.py" }), ...call("read_file", { path: "cart.py" })] },
  { calls: call("edit", { path: "cart.py", old_text: "total += item.price", new_text: "x" }) },
  {
    calls: call("edit", {
      path: "cart.py",
      old_text: "total += round(item.price)",
      new_text: "cents += item.cents\n        # rounded once",
    }),
  },
  { calls: plan("completed", "in_progress", "pending") },
  { calls: call("apply_patch", { input: PATCH }) },
  { calls: call("write_file", { path: "NOTES.md", content: "Cents are integers.\n" }) },
  { calls: call("shell", { command: 'echo serving; read line; echo "heard $line"', background_after: 0 }) },
  { calls: call("process", { id: 1, input: "hello\n", wait_seconds: 60 }) },
  { calls: plan("completed", "completed", "in_progress") },
  { text: "Totals are summed in cents." },
];

test("what is read, edited, planned and left running is seen on the page and in the terminal, and an edit leads to the diff", {
  timeout: 300_000,
}, async () => {
  model.script(...WORK);
  const task = await service.client.createTask({ environment: "shop", prompt: "Round cart totals to the cent", model: "compatible/hand" });
  const printed = await service.said(["watch", task.id]);
  for (const line of [
    "• search total of *.py",
    "• read cart.py",
    "✖ failed: old_text is not in the file. The nearest text:",
    "± edit cart.py +2 -1",
    "± edit cart.py +1 -1",
    "± add test_cart.py +1 -0",
    "± write NOTES.md +1 -0",
    "goes on in the background",
    "• write to process 1: hello",
    "heard hello",
    "▸ Run the whole suite",
  ])
    assert.ok(printed.includes(line), `${line}\n${printed}`);
  assert.deepEqual((await service.client.task(task.id)).attempts[0]?.state, "succeeded");

  await using visitor = await visit(browser, service);
  const { page } = visitor;
  await page.goto(`${service.url}/tasks/${task.id}`);
  const transcript = page.getByRole("log", { name: "Transcript" });
  await transcript.getByRole("list", { name: "Plan" }).getByText("Run the whole suite · not finished").waitFor(); // the log comes in pieces
  assert.match(
    await transcript.getByRole("list", { name: "Plan" }).innerText(),
    /✓[\s\S]*Sum in integer cents[\s\S]*○[\s\S]*Run the whole suite · not finished/,
  );
  await transcript.getByRole("button", { name: "read cart.py" }).click();
  await transcript.getByRole("region", { name: "Result of read cart.py" }).getByText("round(item.price)").waitFor();
  await transcript.getByRole("button", { name: /^write NOTES\.md/ }).click();
  await transcript.getByText("Cents are integers.").waitFor();
  await transcript.getByText("in the background").first().waitFor();
  assert.deepEqual(await seriousFindings(page), []);
  await shoot(page, "tools-wide");
  await page.getByRole("tab", { name: "Steps" }).click();
  await transcript.getByRole("button", { name: "Show NOTES.md in the diff" }).click();
  await page
    .getByRole("region", { name: "Diff" })
    .getByRole("button", { name: /NOTES\.md/ })
    .waitFor();
  assert.deepEqual(visitor.complaints, []);

  await page.setViewportSize(PHONE);
  await page.getByRole("tab", { name: "Transcript" }).click();
  await transcript.getByRole("list", { name: "Plan" }).waitFor();
  assert.equal(await overhang(page), 0);
  await shoot(page, "tools-phone");
});

/** One dot, of the colour that a screenshot of a fault would have. */
const PNG = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==", "base64");

/** How often it is in what the model was asked. */
const picturesIn = (asked: Asked | undefined) =>
  JSON.stringify(asked?.body).split(`data:image/png;base64,${PNG.toString("base64")}`).length - 1;

test("a picture is pasted, goes with the prompt, is shown, and reaches the model; what is no picture does not", {
  timeout: 300_000,
}, async () => {
  model.script({ text: "It was asked for." });
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  await page.goto(`${service.url}/new?environment=shop&prompt=${encodeURIComponent("Why is the button red?")}`);
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Add a file" }).click();
  await (await chooser).setFiles([
    { name: "red.png", mimeType: "image/png", buffer: PNG },
    { name: "evil.png", mimeType: "image/png", buffer: Buffer.from("<svg onload=alert(1)>") },
  ]);
  await page.getByRole("alert").getByText("evil.png is no PNG, JPEG, GIF or WebP.").waitFor();
  const box = page.getByRole("textbox", { name: "What is to be done" });
  await box.focus();
  await page.evaluate(`{
    const data = new DataTransfer();
    const bytes = Uint8Array.from(atob("${PNG.toString("base64")}"), (character) => character.charCodeAt(0));
    data.items.add(new File([bytes], "pasted.png", { type: "image/png" }));
    document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  }`);
  await page.getByRole("img", { name: "pasted.png" }).waitFor();
  assert.deepEqual(await seriousFindings(page), []);
  await shoot(page, "pictures-new");
  await page.getByRole("button", { name: "Remove red.png" }).click();
  await page.getByRole("button", { name: "Start" }).click();
  await page.waitForURL(/\/tasks\/task_/);
  const picture = page.getByRole("list", { name: "Pictures of the prompt" }).getByRole("img");
  await picture.waitFor();
  const loaded = `(async (image) => (await image.decode(), image.naturalWidth))(document.querySelector('img[alt="1 of 1"]'))`;
  assert.equal(await page.evaluate(loaded), 1);
  const task = page.url().split("/").at(-1);
  const served = await page.request.get(`${service.url}/api/v1/tasks/${task}/turns/1/images/1`);
  assert.equal(served.headers()["content-type"], "image/png");
  assert.equal(served.headers()["content-security-policy"], "default-src 'none'; sandbox");
  assert.equal(served.headers()["x-content-type-options"], "nosniff");
  assert.deepEqual(await served.body(), PNG);
  await page.getByText("It was asked for.").waitFor();
  assert.equal(picturesIn(model.asked.at(-1)), 1);
  assert.deepEqual(visitor.complaints, []);
});

test("a picture of the command line reaches the model, in the first turn and in the next", { timeout: 300_000 }, async () => {
  const file = join(shop.path, "shot.png");
  await writeFile(file, PNG);
  await writeFile(join(shop.path, "not.png"), "text");
  const before = model.asked.length;
  model.script({ text: "It is red." }, { text: "It still is." });
  const exec = (...more: string[]) =>
    service.farhand(["exec", "--env", "shop", "--model", "compatible/hand", "--wait", ...more, "What colour is it?"]);
  const refused = await exec("--image", join(shop.path, "not.png"));
  assert.deepEqual([refused.code, /not\.png is no PNG/.test(refused.stderr)], [2, true]);
  const { stdout, code } = await exec("--image", file);
  assert.equal(code, 0, stdout);
  const id = /task_\w+/.exec(stdout)?.[0] ?? "";
  await service.said(["reply", id, "--image", file, "--wait", "And now?"]);
  const sent = model.asked.slice(before).map(picturesIn);
  assert.deepEqual(sent, [1, 2]);
});
