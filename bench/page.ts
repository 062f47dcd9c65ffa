import type { EventBody } from "@farhand/protocol";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launch, loginLink, WIDE } from "../e2e/page/browser.ts";
import { startService } from "../e2e/service.ts";
import { openBlob } from "../packages/server/src/store/blobs.ts";
import type { Db } from "../packages/server/src/store/db.ts";
import { appendEvents } from "../packages/server/src/store/event-log.ts";
import { claim, settle } from "../packages/server/src/store/leases.ts";
import { createTask } from "../packages/server/src/store/tasks.ts";
import { populate } from "../packages/server/src/testing/populate.ts";
import { countingProxy } from "./counting-proxy.ts";
import { benchDatabase } from "./database.ts";
import { type Benchmark, inMs } from "./figure.ts";

const EVENTS = 50_000;
const COMMANDS = 2_000;
const FILES = 10;
const LINES = 5_000;
const APPENDED_AT_ONCE = 2_000;
/** A folded command is higher than this. */
const ROW_PX = 40;
const FRAMES = 120;
const SLOW_FRAME_MS = 50;

/** The page in Chromium, as `npm start` serves it: its first load, and a task as large as they get. */
export const page: Benchmark = {
  name: "page",
  async run(say, signal) {
    await using database = await benchDatabase(say, signal);
    const { db } = database;
    await using parts = new AsyncDisposableStack();
    say(`a task with ${EVENTS} events and ${LINES} changed lines`);
    const task = await largeTask(db, signal);
    const service = parts.use(await startService({ env: { DATABASE_URL: database.url } }));
    const browser = await launch();
    parts.defer(() => browser.close());

    say("the first load");
    const context = await browser.newContext({ viewport: WIDE });
    const tab = await context.newPage();
    await tab.goto(await loginLink(service));
    await tab.getByRole("link", { name: "Settings" }).waitFor();
    const state = await context.storageState();
    const first = [
      ["task", `/tasks/${task}`, "[data-diff] [class*=code-]", state],
      ["home", "/", "textarea", state],
      ["login", "/login", "input", undefined],
    ] as const;
    const loaded: string[] = [];
    for (const [name, path, last, as] of first)
      loaded.push(`${name} ${Math.round((await bytesOfLoad(browser, as, `${service.url}${path}`, last)) / 1000)} kB`);
    say("the large task, three times");
    const opened: Opened[] = [];
    for (let turn = 0; turn < 3; turn += 1) opened.push(await open(tab, `${service.url}/tasks/${task}`));
    const slow = await slowFrames(tab, "[role=log]");
    const slowDiff = await slowFrames(tab, "[data-diff]");
    const best = (of: (one: Opened) => number) => inMs(Math.min(...opened.map(of)));
    const alone = { podman: null, bare: null };
    return [
      { what: "page: first load over the wire, with fonts and workers (goal 250 kB)", farhand: loaded.join(", "), ...alone },
      {
        what: `page: transcript of ${EVENTS.toLocaleString("en")} events, first of it seen`,
        farhand: best((one) => one.firstMs),
        ...alone,
      },
      { what: `page: all ${EVENTS.toLocaleString("en")} events taken in`, farhand: best((one) => one.wholeMs), ...alone },
      {
        what: `page: diff of ${LINES.toLocaleString("en")} changed lines seen`,
        farhand: best((one) => one.diffMs),
        ...alone,
      },
      {
        what: `page: frames over ${SLOW_FRAME_MS} ms while scrolling ${FRAMES} frames of transcript / diff`,
        farhand: `${slow} / ${slowDiff}`,
        ...alone,
      },
    ];
  },
};

async function largeTask(db: Db, signal: AbortSignal): Promise<string> {
  const { user, draft } = await populate(db);
  const id = await db.transaction((tx) => createTask(tx, user, draft));
  const lease = await claim(db, "bench", 600_000, { maxRuns: 10, maxRunsPerUser: 10, maxRunsPerWorker: 10 });
  if (!lease) throw new Error("the task could not be claimed");
  const events = eventsOfWork();
  for (let from = 0; from < events.length; from += APPENDED_AT_ONCE) {
    signal.throwIfAborted();
    await db.transaction((tx) => appendEvents(tx, id, lease, events.slice(from, from + APPENDED_AT_ONCE)));
  }
  const patch = new TextEncoder().encode(largePatch());
  const blob = await openBlob(db, id, "patch", patch.length);
  await blob.write(patch);
  await blob.close();
  const stats = { files: FILES, added: LINES / 2, removed: LINES / 2 };
  await settle(db, lease, { kind: "succeeded", patch: { blob: blob.id, bytes: patch.length }, stats });
  return id;
}

function eventsOfWork(): EventBody[] {
  const outputs = Math.floor(EVENTS / COMMANDS) - 2;
  return Array.from({ length: COMMANDS }, (_, command): EventBody[] => [
    { type: "tool.started", step: command + 1, call: `call-${command}`, tool: "shell", input: { command: `npm test -- part ${command}` } },
    ...Array.from({ length: outputs }, (_, line): EventBody => {
      const text = `\u001b[32mok\u001b[0m ${line} the part ${command} does what it must\n`;
      return { type: "tool.output", call: `call-${command}`, stream: "stdout", text };
    }),
    {
      type: "tool.finished",
      call: `call-${command}`,
      isError: false,
      result: "ok",
      exit: { kind: "exited", code: 0 },
      durationMs: 40,
      output: null,
    },
  ]).flat();
}

function largePatch(): string {
  const hunks = LINES / FILES / 2;
  const file = (name: string) => {
    const changes = Array.from(
      { length: hunks },
      (_, at) => `-  const before${at} = sum(${at}, "a");\n+  const after${at} = sum(${at}, "b");\n`,
    );
    return `diff --git a/${name} b/${name}\nindex 1..2 100644\n--- a/${name}\n+++ b/${name}\n@@ -1,${hunks} +1,${hunks} @@\n${changes.join("")}`;
  };
  return Array.from({ length: FILES }, (_, number) => file(`src/part-${number}.ts`)).join("");
}

/** All that a browser which comes for the first time fetches for this page, until `last` is seen and it is quiet, as it goes over the wire; what the API answers is left out. */
async function bytesOfLoad(browser: Browser, state: StorageState, url: string, last: string): Promise<number> {
  await using proxy = await countingProxy();
  const context = await browser.newContext({
    viewport: WIDE,
    ...(state && { storageState: state }),
    proxy: { server: proxy.url, bypass: "<-loopback>" },
  });
  const tab = await context.newPage();
  await tab.goto(url);
  await tab.locator(last).first().waitFor();
  await tab.waitForTimeout(3_000);
  await context.close();
  return proxy.bytes;
}

type StorageState = Awaited<ReturnType<BrowserContext["storageState"]>> | undefined;
type Opened = { firstMs: number; wholeMs: number; diffMs: number };

/** From the call of the address until each is on the screen; the clock is the page's own, from the beginning of the navigation. */
async function open(tab: Page, url: string): Promise<Opened> {
  await tab.goto("about:blank");
  await tab.goto(url, { waitUntil: "commit" });
  const seen = (condition: string) =>
    tab.evaluate(
      `new Promise((resolve) => { const look = () => (${condition} ? requestAnimationFrame(() => resolve(performance.now())) : requestAnimationFrame(look)); look(); })`,
    ) as Promise<number>;
  const [firstMs, wholeMs, diffMs] = await Promise.all([
    seen("document.querySelector('[data-call]')"),
    seen(`document.querySelector("[role=log] > div")?.offsetHeight > ${COMMANDS * ROW_PX}`),
    seen("document.querySelector('[data-diff] [data-index=\"1\"]')"),
  ]);
  return { firstMs, wholeMs, diffMs };
}

/** How many frames took long while the element is scrolled through, a screen at a time. */
function slowFrames(tab: Page, selector: string): Promise<number> {
  return tab.evaluate(
    `new Promise((resolve) => {
      const element = document.querySelector(${JSON.stringify(selector)});
      let frame = 0, slow = 0, last = performance.now();
      const next = (now) => {
        if (frame > 1 && now - last > ${SLOW_FRAME_MS}) slow += 1;
        last = now;
        if (frame++ >= ${FRAMES}) return resolve(slow);
        element.scrollTop += 200;
        requestAnimationFrame(next);
      };
      requestAnimationFrame(next);
    })`,
  ) as Promise<number>;
}
