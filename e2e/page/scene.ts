import type { Browser } from "playwright-core";
import { type ModelServer, modelServer } from "../../packages/server/src/testing/model-server.ts";
import { makeRepository, type Repository } from "../repository.ts";
import { type Service, startService } from "../service.ts";
import { launch } from "./browser.ts";

/** What a file of stories stands on: a service with a scripted model and the environment `shop`, and a browser. */
export type Scene = AsyncDisposable & { service: Service; browser: Browser; shop: Repository; model: ModelServer };

/** `files`: of the repository. `settings`: what leads the service to the model. */
export async function openScene(
  files: Record<string, string>,
  settings: (model: ModelServer) => Record<string, string> = compatible,
): Promise<Scene> {
  await using opened = new AsyncDisposableStack();
  const model = opened.use(await modelServer());
  const service = opened.use(await startService({ env: settings(model) }));
  const browser = opened.adopt(await launch(), (one) => one.close());
  const shop = opened.use(await makeRepository(files));
  await service.client.createEnvironment({ name: "shop", repository: shop.path });
  const scene = opened.move();
  return { service, browser, shop, model, [Symbol.asyncDispose]: () => scene.disposeAsync() };
}

/** The model is `compatible/hand`. */
const compatible = ({ url }: ModelServer) => ({ FARHAND_COMPATIBLE_BASE_URL: url, FARHAND_COMPATIBLE_MODELS: "hand" });
