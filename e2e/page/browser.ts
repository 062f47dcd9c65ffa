import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from "playwright-core";
import { find } from "../../bootstrap/programs.mjs";
import { until } from "../../packages/server/src/testing/farhand.ts";
import type { Service } from "../service.ts";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const WAIT_MS = 60_000; // a net only: what is waited for comes, and a machine may be slow

export const WIDE = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

/** The system's Chromium, headless. */
export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: find("chromium") ?? assert.fail("chromium is missing: npm test installs it"), args: FLAGS });
}

/** Somebody at a screen, who is signed in by a fresh link. What the page complains about is in `complaints`. */
export type Visitor = AsyncDisposable & { context: BrowserContext; page: Page; complaints: string[]; open(): Promise<Page> };

export async function visit(browser: Browser, service: Service, options: Parameters<Browser["newContext"]>[0] = {}): Promise<Visitor> {
  const visitor = await visitAsNobody(browser, options);
  await visitor.page.goto(await loginLink(service));
  await visitor.page.getByRole("navigation", { name: "Tasks" }).or(visitor.page.getByRole("main")).first().waitFor();
  await visitor.page.waitForURL((url) => url.pathname !== "/login" && url.hash === "");
  await visitor.page
    .getByRole("link", { name: "Settings" })
    .or(visitor.page.getByRole("link", { name: "Tasks" }))
    .first()
    .waitFor();
  visitor.complaints.length = 0; // before the login, the browser notes that nobody is signed in
  return visitor;
}

export async function visitAsNobody(browser: Browser, options: Parameters<Browser["newContext"]>[0] = {}): Promise<Visitor> {
  const context = await browser.newContext({ viewport: WIDE, ...options });
  context.setDefaultTimeout(WAIT_MS);
  const complaints: string[] = [];
  const open = async () => {
    const page = await context.newPage();
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("dialog", (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    return page;
  };
  return { context, page: await open(), complaints, open, [Symbol.asyncDispose]: () => context.close() };
}

export async function loginLink(service: Service): Promise<string> {
  const { stdout, stderr } = await service.farhand(["login-link"]);
  return /http\S+#login=\S+/.exec(stdout)?.[0] ?? assert.fail(`no link: ${stdout}${stderr}`);
}

/** Waits until a field says this. The page's policy lets no condition be evaluated in it. */
export function untilValue(field: Locator, value: string): Promise<void> {
  return until(`a field says ${value}`, async () => (await field.inputValue()) === value);
}

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** What axe finds serious or worse, in words; none is the aim. */
export async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(axe, "utf8"));
  const found = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] }).then((result) => result.violations)")) as {
    id: string;
    impact: string;
    nodes: { html: string; failureSummary: string }[];
  }[];
  return found
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)}\n${failureSummary}`));
}

/** How far the page is wider than its window, once it has been drawn as it is now. */
export function overhang(page: Page): Promise<number> {
  const drawn = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))";
  return page.evaluate(`${drawn}.then(() => document.documentElement.scrollWidth - innerWidth)`);
}

/** Waits until the header of a task says this. */
export function untilStatus(page: Page, text: RegExp): Promise<void> {
  return page.locator("header").getByRole("status").filter({ hasText: text }).first().waitFor();
}

/** For eyes: a screenshot into the folder that SHOTS names. */
export async function shoot(page: Page, name: string): Promise<void> {
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}.png` });
}
