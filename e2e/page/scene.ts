import type { Browser, Page } from "playwright-core";
import { type ModelServer, modelServer } from "../../packages/server/src/testing/model-server.ts";
import { makeRepository, type Repository } from "../repository.ts";
import { type Service, startService } from "../service.ts";
import { launch } from "./browser.ts";

/** What a file of stories stands on: a service with the environment `shop`, and a browser. */
export type Scene = AsyncDisposable & { service: Service; browser: Browser; shop: Repository };

/** `files`: of the repository. `env`: settings of the service. */
export async function openScene(files: Record<string, string>, env: Record<string, string> = {}): Promise<Scene> {
  await using opened = new AsyncDisposableStack();
  const [service, browser, shop] = await Promise.all([
    startService({ env }).then((one) => opened.use(one)),
    launch().then((one) => opened.adopt(one, () => one.close())),
    makeRepository(files).then((one) => opened.use(one)),
  ]);
  await service.client.createEnvironment({ name: "shop", repository: shop.path });
  const scene = opened.move();
  return { service, browser, shop, [Symbol.asyncDispose]: () => scene.disposeAsync() };
}

/** `settings`: what leads the service to the scripted model. */
export async function openSceneWithModel(
  files: Record<string, string>,
  settings: (model: ModelServer) => Record<string, string> = compatible,
): Promise<Scene & { model: ModelServer }> {
  await using opened = new AsyncDisposableStack();
  const model = opened.use(await modelServer());
  const { service, browser, shop } = opened.use(await openScene(files, settings(model)));
  const scene = opened.move();
  return { service, browser, shop, model, [Symbol.asyncDispose]: () => scene.disposeAsync() };
}

/** The model is `compatible/hand`. */
const compatible = ({ url }: ModelServer) => ({ FARHAND_COMPATIBLE_BASE_URL: url, FARHAND_COMPATIBLE_MODELS: "hand" });

/** Ends the API, and keeps it from coming back until `back`, or until it is disposed of. */
export async function takeAway(service: Service): Promise<Disposable & { back(): void }> {
  const supervisor = await service.pid("supervisor");
  const api = await service.pid("api");
  process.kill(supervisor, "SIGSTOP");
  process.kill(api, "SIGKILL");
  const back = () => void process.kill(supervisor, "SIGCONT");
  return { back, [Symbol.dispose]: back };
}

/** Waits until a turn has succeeded. What the page says may be of the turn before for a moment. */
export async function untilDone({ service }: Scene, task: string, turn: number): Promise<void> {
  for await (const event of service.client.events(task)) if (event.turn === turn && event.body.type === "attempt.succeeded") break;
}

/** Gives a task by the form, for the environment `shop`; resolves with its id once its page is there. */
export async function give({ service }: Scene, page: Page, prompt: string, attempts = 1): Promise<string> {
  await page.goto(`${service.url}/new?environment=shop&prompt=${encodeURIComponent(prompt)}`);
  if (attempts > 1) await page.getByRole("combobox", { name: "Attempts" }).selectOption(`${attempts}`);
  await page.getByRole("button", { name: "Start" }).click();
  await page.waitForURL(/\/tasks\/task_/);
  return page.url().split("/").at(-1) ?? "";
}
