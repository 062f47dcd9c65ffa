import { Agent, type ClientRequest, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, connect } from "@farhand/protocol";
import type { Page } from "playwright-core";
import { launch, loginLink, WIDE } from "../e2e/page/browser.ts";
import { makeRepository, script } from "../e2e/repository.ts";
import { type Service, startService } from "../e2e/service.ts";
import { type Benchmark, p50p99 } from "./figure.ts";

const WATCHERS = 1_000;
const LINES = 100;
const PAUSE_S = 0.2;
const OPENED_AT_ONCE = 50;
/** A line says when it was printed, in nanoseconds. */
const LINE = /\b\d{19}\b/g;

/** How long a line that a command prints is on its way to those who look at its task, one of them in a browser. */
export const watchers: Benchmark = {
  name: "watchers",
  async run(say, signal) {
    await using parts = new AsyncDisposableStack();
    const service = parts.use(await startService());
    const repository = parts.use(await makeRepository());
    const client = connect(service);
    await client.createEnvironment({ name: "bench", repository: repository.path });
    const { id } = await client.createTask({ environment: "bench", prompt: script("true") });
    await untilTurnEnds(client, id, signal);

    say(`${WATCHERS} watchers and a browser`);
    const browser = await launch();
    parts.defer(() => browser.close());
    const page = await (await browser.newContext({ viewport: WIDE })).newPage();
    await open(page, service, id);
    const { arrivals, streams } = await watch(service, id, signal);
    parts.defer(() => {
      for (const stream of streams) stream.destroy();
    });

    say(`${LINES} lines`);
    await client.followUp(id, { prompt: script(`for line in $(seq ${LINES}); do date +%s%N; sleep ${PAUSE_S}; done`) });
    await untilTurnEnds(client, id, signal);
    const drawn = (await page.evaluate("drawn")) as number[];
    if (drawn.length < LINES || arrivals.length < LINES * WATCHERS)
      throw new Error(`${drawn.length} of ${LINES} lines were drawn, ${arrivals.length} of ${LINES * WATCHERS} arrived`);
    const beside = `${WATCHERS.toLocaleString("en")} watchers`;
    return [
      { what: `a line of a command to the pixels of a browser (${beside})`, farhand: p50p99(drawn), podman: null, bare: null },
      { what: `the same line to all ${beside}`, farhand: p50p99(arrivals), podman: null, bare: null },
    ];
  },
};

async function untilTurnEnds(client: Client, id: string, signal: AbortSignal): Promise<void> {
  while ((await client.task(id)).attempts.some(({ state }) => state !== "succeeded")) await sleep(100, undefined, { signal });
}

/** From then on `drawn` has how old each line was, in ms, at the frame after the one in which it first stood there. */
async function open(page: Page, service: Service, task: string): Promise<void> {
  await page.goto(await loginLink(service));
  await page.getByRole("link", { name: "Settings" }).waitFor();
  await page.goto(`${service.url}/tasks/${task}`);
  await page.locator("[data-call]").waitFor();
  await page.evaluate(`{
    globalThis.drawn = [];
    const known = new Set();
    const look = () => {
      const fresh = (document.querySelector("[role=log]").textContent.match(${LINE}) ?? []).filter((line) => !known.has(line));
      for (const line of fresh) known.add(line);
      requestAnimationFrame(() => {
        for (const line of fresh) drawn.push(Date.now() - Number(line) / 1e6);
        look();
      });
    };
    look();
  }`);
}

/** Opens the streams; `arrivals` collects how old each line was, in ms, when it arrived, whoever it arrived at. */
async function watch(service: Service, task: string, signal: AbortSignal): Promise<{ arrivals: number[]; streams: ClientRequest[] }> {
  const arrivals: number[] = [];
  const streams: ClientRequest[] = [];
  const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
  const headers = { authorization: `Bearer ${service.token}`, accept: "text/event-stream" };
  const after = (await connect(service).eventPage(task)).at(-1)?.seq ?? 0;
  for (let from = 0; from < WATCHERS; from += OPENED_AT_ONCE)
    await Promise.all(
      Array.from({ length: OPENED_AT_ONCE }, () => {
        const opened = Promise.withResolvers<void>();
        const stream = get(`${service.url}/api/v1/tasks/${task}/events?after=${after}`, { agent, headers, signal }, (answer) => {
          if (answer.statusCode !== 200) return opened.reject(new Error(`a stream was answered with ${answer.statusCode}`));
          opened.resolve();
          answer.setEncoding("utf8").on("data", (text: string) => {
            const now = performance.timeOrigin + performance.now();
            for (const [line] of text.matchAll(LINE)) arrivals.push(now - Number(line) / 1e6);
          });
        });
        stream.on("error", opened.reject);
        streams.push(stream);
        return opened.promise;
      }),
    );
  return { arrivals, streams };
}
