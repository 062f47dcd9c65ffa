import assert from "node:assert/strict";
import { after, test } from "node:test";
import { overhang, PHONE, seriousFindings, visit, WIDE } from "./browser.ts";
import { openSceneWithModel } from "./scene.ts";

const scene = await openSceneWithModel({ "README.md": "# Shop\n" }, () => ({})); // the model is there, and not yet connected
const { service, browser, model } = scene;
after(() => scene[Symbol.asyncDispose]());

test("from no model to the first task of one: connected, tried out, chosen, and waited for where it is slow", {
  timeout: 300_000,
}, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  await page.goto(`${service.url}/new`);
  await page.getByText("model script").waitFor();
  await page.getByRole("region", { name: "First steps" }).getByRole("link", { name: "Connect a model" }).click();
  await page.waitForURL(/\/settings\/models$/);

  const server = page.getByRole("region", { name: "Compatible server" });
  await server.getByText("not connected").waitFor();
  await server.getByRole("button", { name: "Connect" }).click();
  await server.getByLabel("Address").fill(`${model.url}x`);
  await server.getByLabel("Key").fill("sk-page");
  await server.getByRole("button", { name: "Save" }).click();
  await server.getByText(/answers with status 404/).waitFor();
  await server.getByRole("button", { name: "Connect" }).click();
  assert.equal(await server.getByLabel("Key").inputValue(), "", "a key is never shown again");
  await server.getByLabel("Address").fill(model.url);
  await server.getByText("the key of the old one will not be used there").waitFor();
  await server.getByLabel("Key").fill("sk-page");
  await server.getByRole("button", { name: "Save" }).click();
  await server.getByText("1 model").waitFor();
  await server.getByText("key set here").waitFor();

  const models = page.getByRole("region", { name: "Models", exact: true });
  model.script({ status: 401, message: "no" }, { text: "Hello from here." });
  await models.getByRole("button", { name: "Try it compatible/local-model" }).click();
  await models.getByText("It did not answer").waitFor();
  await models.getByRole("button", { name: "Try it compatible/local-model" }).click();
  await models.getByText("Hello from here.").waitFor();
  assert.equal(model.asked[1]?.headers.authorization, "Bearer sk-page");
  assert.deepEqual(await seriousFindings(page), []);
  await page.setViewportSize(PHONE);
  assert.equal(await overhang(page), 0);
  await page.setViewportSize(WIDE);

  const chosen = page.waitForResponse((response) => response.request().method() === "PATCH" && response.ok());
  await page.getByLabel("Default model").selectOption("script");
  await chosen;
  await page.getByText("done: Connect a model").waitFor();
  await page.goto(`${service.url}/new?environment=shop`);
  await page
    .getByLabel("Model")
    .locator("option:first-child", { hasText: /^auto: script$/ })
    .waitFor({ state: "attached" });
  await page.getByLabel("Model").selectOption("compatible/local-model");
  model.script({ status: 503, headers: { "retry-after": "0" }, message: "loading the model" }, { text: "All is well here." });
  await page.getByLabel("What is to be done").fill("Look around");
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByText("All is well here.").waitFor();
  await page.getByText("the model did not answer (the compatible server: 503: loading the model); asked again after 0 s").waitFor();
  await page.getByRole("region", { name: "First steps" }).waitFor({ state: "detached" });
  assert.deepEqual(
    visitor.complaints.filter((one) => !one.includes("status of 4")),
    [],
  );
});
