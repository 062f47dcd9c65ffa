import assert from "node:assert/strict";
import { after, test } from "node:test";
import { seriousFindings, visit } from "./browser.ts";
import { openSceneWithModel } from "./scene.ts";

const scene = await openSceneWithModel({ "README.md": "# Shop\n" });
const { service, browser, model } = scene;
after(() => scene[Symbol.asyncDispose]());

test("what a model writes is seen as it comes, and the message takes its place", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  const looked = Promise.withResolvers<void>();
  const read = Promise.withResolvers<void>();
  model.script({ slow: { text: "The shop sells **nothing** yet." }, begin: looked.promise, until: read.promise });
  const { id } = await service.client.createTask({
    environment: "shop",
    prompt: "What is sold?",
    mode: "ask",
    model: "compatible/hand",
  });
  await page.goto(`${service.url}/tasks/${id}`);
  const transcript = page.getByRole("log", { name: "Transcript" });
  await transcript.getByText("What is sold?").waitFor();
  looked.resolve();
  await transcript.getByText("writing…").waitFor();
  const strong = transcript.locator("strong", { hasText: "nothing" });
  await strong.waitFor();
  await page.reload();
  await strong.waitFor(); // who comes later sees it from its beginning
  assert.deepEqual(await seriousFindings(page), []);
  const kept = await service.client.eventPage(id, { limit: 500 });
  assert.ok(!JSON.stringify(kept).includes("nothing"), "what is not whole is not kept");
  read.resolve();
  await transcript.getByText("writing…").waitFor({ state: "detached" });
  await page.getByRole("status").getByText("answered").first().waitFor();
  await strong.waitFor(); // strictly one: the message stands in its place, not beside it
  assert.deepEqual(visitor.complaints, []);
});
