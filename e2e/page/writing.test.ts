import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { type ModelServer, modelServer } from "../../packages/server/src/testing/model-server.ts";
import { makeRepository, type Repository } from "../repository.ts";
import { type Service, startService } from "../service.ts";
import { launch, seriousFindings, visit } from "./browser.ts";

let service: Service;
let browser: Browser;
let shop: Repository;
let model: ModelServer;
before(async () => {
  model = await modelServer();
  [service, browser] = await Promise.all([startService({ env: { FARHAND_COMPATIBLE_BASE_URL: model.url } }), launch()]);
  shop = await makeRepository({ "README.md": "# Shop\n" });
  await service.client.createEnvironment({ name: "shop", repository: shop.path });
});
after(async () => {
  await browser?.close();
  await service?.[Symbol.asyncDispose]();
  await shop?.[Symbol.asyncDispose]();
  await model?.[Symbol.asyncDispose]();
});

test("what a model writes is seen as it comes, and the message takes its place", { timeout: 120_000 }, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  const looked = Promise.withResolvers<void>();
  const read = Promise.withResolvers<void>();
  model.script({ slow: { text: "The shop sells **nothing** yet." }, begin: looked.promise, until: read.promise });
  const { id } = await service.client.createTask({
    environment: "shop",
    prompt: "What is sold?",
    mode: "ask",
    model: "compatible/local-model",
  });
  await page.goto(`${service.url}/tasks/${id}`);
  const transcript = page.getByRole("log", { name: "Transcript" });
  await transcript.getByText("What is sold?").waitFor();
  looked.resolve();
  await transcript.getByText("writing…").waitFor();
  assert.equal(await transcript.locator("strong", { hasText: "nothing" }).count(), 1);
  assert.deepEqual(await seriousFindings(page), []);
  const kept = await service.client.eventPage(id, { limit: 500 });
  assert.ok(!JSON.stringify(kept).includes("nothing"), "what is not whole is not kept");
  read.resolve();
  await transcript.getByText("writing…").waitFor({ state: "detached" });
  await page.getByRole("status").getByText("answered").first().waitFor();
  assert.equal(await transcript.locator("strong", { hasText: "nothing" }).count(), 1);
  assert.deepEqual(visitor.complaints, []);
});
