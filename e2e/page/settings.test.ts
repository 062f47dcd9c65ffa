import assert from "node:assert/strict";
import { after, test } from "node:test";
import { connect } from "@farhand/protocol";
import { overhang, PHONE, seriousFindings, shoot, untilValue, visit, visitAsNobody } from "./browser.ts";
import { openScene } from "./scene.ts";

const scene = await openScene({ "README.md": "# Shop\n" });
const { service, browser, shop } = scene;
after(() => scene[Symbol.asyncDispose]());

test("an environment is made in form and YAML, which show the same, and every version can be compared and restored", {
  timeout: 300_000,
}, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  const yaml = page.getByRole("textbox", { name: "The recipe as YAML" });
  const agent = page.getByRole("group", { name: "Network of the agent" });
  await page.goto(`${service.url}/settings/environments/new`);
  await page.getByLabel("Name of the environment").fill("market");
  await page.getByLabel("Repository", { exact: true }).fill(shop.path);
  await page.getByLabel("Setup script").fill("echo one > built\n");
  await page.getByRole("button", { name: "Add a variable" }).click();
  await page.getByLabel("Name of variable 1").fill("PORT");
  await page.getByLabel("Value of variable 1").fill("3000");
  await page.getByLabel("Name of a secret").fill("NPM_TOKEN");
  await page.getByLabel("Value of the secret").fill("hunter2");
  await agent.getByLabel("It may reach").selectOption("allow");
  await agent.getByLabel("Domains").fill("example.org\nhttps://bad.example/x");
  await page.getByText("is an address of a page").first().waitFor();
  assert.equal(await page.getByRole("button", { name: "Make the environment" }).isDisabled(), true);
  await agent.getByLabel("Domains").fill("example.org");
  assert.match(await yaml.inputValue(), /^setup: \|\n {2}echo one > built$/m);
  assert.match(await yaml.inputValue(), /^ {2}PORT: "3000"$/m);
  assert.doesNotMatch(await yaml.inputValue(), /NPM_TOKEN|hunter2/);
  assert.deepEqual(await seriousFindings(page), []);

  await yaml.fill((await yaml.inputValue()).replace("cpus: 2", "cpus: 3").replace("one > built", "two > built"));
  await untilValue(page.getByLabel("Processors"), "3");
  await untilValue(page.getByLabel("Setup script"), "echo two > built\n");
  await yaml.fill((await yaml.inputValue()).replace("cpus: 3", "cpu: 3"));
  await page
    .getByRole("alert")
    .getByText(/^Line \d+: limits\.cpu is not known here/)
    .waitFor();
  assert.equal(await page.getByLabel("Setup script").isDisabled(), true, "the fields wait until the text can be read");
  await yaml.fill((await yaml.inputValue()).replace("cpu: 3", "cpus: 3"));
  await page.getByRole("button", { name: "Make the environment" }).click();
  await page.waitForURL(/\/new\?environment=market/);
  const made = await service.client.environment("market");
  assert.deepEqual(
    [made.setup, made.variables, made.secrets, made.limits.cpus, made.network],
    [
      "echo two > built\n",
      { PORT: "3000" },
      ["NPM_TOKEN"],
      3,
      { kind: "allow", domains: ["example.org"], presets: ["package-managers"], ports: [80, 443] },
    ],
  );

  await page.goto(`${service.url}/settings/environments/market`);
  await page.getByRole("button", { name: "Remove variable PORT" }).click();
  await page.getByRole("button", { name: "Forget NPM_TOKEN" }).click();
  await page.getByLabel("Minutes for one turn").fill("7");
  await page.getByRole("button", { name: "Save as a new version" }).click();
  await page.getByText("version 2, saved just now").waitFor();
  const changed = await service.client.environment("market");
  assert.deepEqual([changed.variables, changed.secrets, changed.limits.turnMinutes, changed.setup], [{}, [], 7, "echo two > built\n"]);

  await page.getByRole("button", { name: "Changes of version 2" }).click();
  const difference = page.getByRole("region", { name: "What changed" });
  await difference.getByText('PORT: "3000"').waitFor();
  await difference.getByText("turnMinutes: 7").waitFor();
  await difference.getByText("# setup secrets: NPM_TOKEN").waitFor();
  assert.equal(await difference.locator(".bg-good-soft").count(), 2);
  assert.deepEqual(await seriousFindings(page), []);
  await page.getByRole("button", { name: "Restore version 1" }).click();
  await page.getByRole("heading", { level: 2 }).getByText("version 3").waitFor();
  const restored = await service.client.environment("market");
  assert.deepEqual([restored.version, restored.variables, restored.limits.turnMinutes], [3, { PORT: "3000" }, 60]);

  await service.client.changeEnvironment("market", { publish: "always" });
  await page.getByLabel("Minutes for one turn").fill("8");
  await page.getByRole("button", { name: "Save as a new version" }).click();
  await page.getByText(/has been changed meanwhile, to version 4/).waitFor();
  assert.equal((await service.client.environment("market")).publish, "always", "nobody's change is lost");

  await page.getByRole("button", { name: "Forget it" }).click();
  await page.getByText("The next task makes everything anew").waitFor();
});

test("the settings of an environment fit a phone", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service, { viewport: PHONE, colorScheme: "dark", hasTouch: true });
  const { page } = visitor;
  await page.goto(`${service.url}/settings/environments/new`);
  await page.getByLabel("Name of the environment").waitFor();
  assert.equal(await overhang(page), 0);
  await page.getByRole("button", { name: "YAML" }).click();
  await page.getByRole("textbox", { name: "The recipe as YAML" }).waitFor();
  await page.getByLabel("Setup script").waitFor({ state: "hidden" });
  assert.equal(await overhang(page), 0);
  assert.deepEqual(await seriousFindings(page), []);
});

test("a session that is ended elsewhere is out at once; name and address are changed, the latter with the password", {
  timeout: 300_000,
}, async () => {
  await using here = await visit(browser, service);
  await using there = await visit(browser, service);
  const { page } = here;
  await page.goto(`${service.url}/settings/account`);
  await page.getByLabel("New password").fill("a long enough password");
  await page.getByRole("button", { name: "Set the password" }).click();
  await there.page.getByLabel("Password").waitFor(); // its stream has ended, and nobody has touched it
  assert.match(there.page.url(), /\/login/);

  await page.getByLabel("Name", { exact: true }).fill("Ada Lovelace");
  await page.getByLabel("Address").fill("ada@example.org");
  await page.getByLabel("Your password, for another address").fill("another password");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("another address needs your password").waitFor();
  await page.getByLabel("Your password, for another address").fill("a long enough password");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("link", { name: "Ada Lovelace" }).waitFor();
  assert.equal((await service.client.me()).email, "ada@example.org");

  await there.page.getByLabel("E-mail").fill("ada@example.org");
  await there.page.getByLabel("Password").fill("a long enough password");
  await there.page.getByRole("button", { name: "Log in" }).click();
  await there.page.getByRole("link", { name: "Ada Lovelace" }).waitFor();
  await page.reload();
  const end = page.getByRole("button", { name: /^End the session/ });
  await end.waitFor();
  assert.deepEqual(await seriousFindings(page), []);
  await end.click();
  await there.page.getByLabel("Password").waitFor();
  await page.getByRole("region", { name: "Sessions" }).getByText("this one").waitFor();
});

test("tokens with a scope, and invitations that are withdrawn", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  await page.goto(`${service.url}/settings/tokens`);
  await page.getByLabel("What it is for").fill("dashboard");
  await page.getByLabel("What it may").selectOption("read");
  await page.getByRole("button", { name: "Make a token" }).click();
  const token = (await page.getByRole("status").locator("code").innerText()).trim();
  const client = connect({ url: service.url, token });
  await client.tasks();
  await assert.rejects(client.createTask({ environment: "shop", prompt: "x" }), /this token may only look/);
  assert.deepEqual(await seriousFindings(page), []);
  await page.getByRole("button", { name: "Revoke dashboard" }).click();
  await page.getByText("dashboard").waitFor({ state: "detached" });
  await assert.rejects(client.tasks(), /not known, or was revoked/);

  await page.goto(`${service.url}/settings/people`);
  await page.getByLabel("E-mail of whom you invite").fill("eve@example.org");
  await page.getByRole("button", { name: "Make an invitation" }).click();
  const link = (await page.locator("[data-invitation]").innerText()).trim();
  assert.deepEqual(await seriousFindings(page), []);
  await page.getByRole("button", { name: "Withdraw the invitation of eve@example.org" }).click();
  await page.getByRole("region", { name: "Open invitations" }).waitFor({ state: "detached" });
  await using eve = await visitAsNobody(browser);
  await eve.page.goto(link);
  await eve.page.getByLabel("Your name").fill("Eve");
  await eve.page.getByLabel("A password").fill("a long enough password");
  assert.deepEqual(await seriousFindings(eve.page), []);
  await eve.page.getByRole("button", { name: "Join" }).click();
  await eve.page.getByText("this invitation was used already or has expired").waitFor();
});

test("how the host is, for administrators alone", { timeout: 300_000 }, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  await page.goto(`${service.url}/settings/host`);
  await page.getByText("Tasks can run").waitFor();
  const shown = (await page.getByRole("listitem").allInnerTexts()).join("\n").replace(/\s+/g, " ");
  assert.match(shown, /database ✓ good PostgreSQL \d+/);
  assert.match(shown, /worker \S+ (✓ good|! with less) takes tasks, since/);
  assert.match(shown, /database use ✓ good \d+ MiB in all/);
  assert.deepEqual(await seriousFindings(page), []);
  const { id } = JSON.parse(await service.said(["user", "add", "Mel", "--email", "mel@example.org", "--json"]));
  const { token } = JSON.parse(await service.said(["token", "create", "mel", "--user", id, "--json"]));
  await assert.rejects(connect({ url: service.url, token }).host(), /only administrators may see how the host is/);
});

test("what was typed stays when somebody else saves a version meanwhile, which is said, and goes on from that", {
  timeout: 300_000,
}, async () => {
  const { version } = await service.client.environment("shop");
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  await page.goto(`${service.url}/settings/environments/shop`);
  const minutes = page.getByLabel("Minutes for one turn");
  await minutes.fill("11");
  await service.client.changeEnvironment("shop", { setup: "echo of somebody else\n" });
  process.kill(await service.pid("api"), "SIGKILL"); // the page asks for everything again once it is back
  await page
    .getByRole("alert")
    .getByText(`Version ${version + 1} has been saved meanwhile`)
    .waitFor();
  assert.equal(await minutes.inputValue(), "11");
  assert.deepEqual(await seriousFindings(page), []);
  await shoot(page, "settings-newer");
  await page.getByRole("button", { name: `Take it to version ${version + 1}` }).click();
  await untilValue(page.getByLabel("Setup script"), "echo of somebody else\n");
  await untilValue(minutes, "11");
  await page.getByRole("button", { name: "Save as a new version" }).click();
  await page.getByText(`version ${version + 2}, saved just now`).waitFor();
  const { setup, limits } = await service.client.environment("shop");
  assert.deepEqual([setup, limits.turnMinutes], ["echo of somebody else\n", 11]);

  await service.client.changeEnvironment("shop", { setup: "" });
  await minutes.fill("12");
  await page.getByRole("button", { name: "Save as a new version" }).click();
  await page.getByText(`has been changed meanwhile, to version ${version + 3}`).waitFor();
  await page.getByRole("button", { name: "Drop what I typed" }).click();
  await untilValue(minutes, "11");
  await untilValue(page.getByLabel("Setup script"), "");
});

test("what is loading says so; what was typed stays when the service goes away and cannot be asked again", {
  timeout: 300_000,
}, async () => {
  await using visitor = await visit(browser, service);
  const { page } = visitor;
  const asked = "**/api/v1/environments/shop";
  const answer = Promise.withResolvers<void>();
  await page.route(asked, async (route) => {
    await answer.promise;
    await route.continue();
  });
  await page.goto(`${service.url}/settings/environments/shop`);
  await page.getByRole("status").filter({ hasText: "Loading the environment" }).waitFor();
  assert.deepEqual(await seriousFindings(page), []);
  answer.resolve();
  await page.getByLabel("Minutes for one turn").fill("9");
  await page.unroute(asked);
  await page.route(asked, (route) => route.fulfill({ status: 500 }));
  const failed = page.waitForResponse((response) => response.url().endsWith("/environments/shop") && response.status() === 500);
  process.kill(await service.pid("api"), "SIGKILL");
  await failed;
  await page.unroute(asked);
  await page.getByRole("button", { name: "Save as a new version" }).click();
  await page.getByText(/^version \d+, saved just now$/).waitFor();
  assert.equal((await service.client.environment("shop")).limits.turnMinutes, 9);
});
