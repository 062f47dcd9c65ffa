import assert from "node:assert/strict";
import { test } from "node:test";
import { script } from "../repository.ts";
import { overhang, PHONE, seriousFindings, shoot, untilStatus, visit, visitAsNobody } from "./browser.ts";
import { openScene } from "./scene.ts";

test("what a sandbox asked of the network stands on its task's page, refusals with their reason", { timeout: 300_000 }, async () => {
  await using scene = await openScene({ "README.md": "# Shop\n" });
  const { service, browser, shop } = scene;
  await service.client.createEnvironment({ name: "guarded", repository: shop.path, network: { kind: "allow", domains: ["example.org"] } });
  const ask = "curl -sS https://evil.example.net/ http://10.0.0.1/ http://10.0.0.1/ https://nothing-here.example.org/ || true";
  const { id } = await service.client.createTask({ environment: "guarded", prompt: script(ask) });
  for await (const { body } of service.client.events(id)) if (body.type === "attempt.succeeded") break;

  for (const options of [{}, { viewport: PHONE, hasTouch: true, colorScheme: "dark" }] as const) {
    await using visitor = await visit(browser, service, options);
    const { page } = visitor;
    await page.goto(`${service.url}/tasks/${id}`);
    await page.getByRole("log", { name: "Transcript" }).getByText("refused by policy: CONNECT evil.example.net:443").waitFor();
    await page.getByRole("tab", { name: "Network 3" }).click();
    const pane = page.getByRole("region", { name: "Network" });
    const text = async () => (await pane.innerText()).replace(/\s+/g, " ");
    await page.getByText("4 requests, 3 refused").waitFor();
    assert.match(
      await text(),
      /CONNECT evil\.example\.net:443 × refused evil\.example\.net is not among the domains .* rule: allowed domains .*1×/,
    );
    assert.match(await text(), /GET 10\.0\.0\.1:80 × refused the policy allows names, not addresses rule: names only 2×/);
    assert.match(await text(), /CONNECT nothing-here\.example\.org:443 ✓ allowed but .*rule: example\.org 1×/);
    await page.getByLabel("Only refused ones").check();
    await pane.getByText("nothing-here").first().waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Allow 10.0.0.1" }).waitFor({ state: "detached" });
    assert.equal(await overhang(page), 0);
    assert.deepEqual(await seriousFindings(page), []);
    if (!("viewport" in options)) {
      const notice = page.getByRole("log", { name: "Transcript" });
      await notice.getByRole("button", { name: "Allow evil.example.net" }).click();
      await notice.getByText("Allowed from the next turn on").waitFor();
    }
    await pane.getByText("Allowed from the next turn on").waitFor();
    await page
      .getByRole("button", { name: /^Allow/ })
      .first()
      .waitFor({ state: "detached" }); // nothing else could be allowed
    await shoot(page, `network-${"viewport" in options ? "phone" : "wide"}`);
    assert.deepEqual(visitor.complaints, []);
  }
  const { network, version } = await service.client.environment("guarded");
  assert.deepEqual([network.kind === "allow" && network.domains, version], [["example.org", "evil.example.net"], 2]);
  await service.client.followUp(id, { prompt: script("curl -sS https://evil.example.net/ || true") });
  const decided: string[] = [];
  for await (const { body, turn } of service.client.events(id)) {
    if (turn !== 2) continue;
    if (body.type === "network.request") decided.push(`${body.host} ${body.decision}`);
    if (body.type === "attempt.succeeded") break;
  }
  assert.equal(decided[0], "evil.example.net allowed");

  await using ada = await visit(browser, service);
  await ada.page.goto(`${service.url}/settings/people`);
  await ada.page.getByLabel("E-mail of whom you invite").fill("grace@example.org");
  await ada.page.getByRole("button", { name: "Make an invitation" }).click();
  await using grace = await visitAsNobody(browser);
  const { page } = grace;
  await page.goto((await ada.page.locator("[data-invitation]").innerText()).trim());
  await page.getByLabel("Your name").fill("Grace");
  await page.getByLabel("A password").fill("a long enough password");
  await page.getByRole("button", { name: "Join" }).click();
  await page.getByRole("link", { name: "Grace" }).waitFor();
  const prompt = script("curl -sS https://other.example.net/ || true");
  await page.goto(`${service.url}/new?environment=guarded&prompt=${encodeURIComponent(prompt)}`);
  const answered = page.waitForResponse((response) => response.url().endsWith("/api/v1/environments/guarded"));
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByRole("log", { name: "Transcript" }).getByText("refused by policy: CONNECT other.example.net:443").waitFor();
  await answered;
  await untilStatus(page, /nothing changed/i);
  assert.equal(await page.getByRole("button", { name: /^Allow/ }).count(), 0, "the environment is somebody else's");
});
