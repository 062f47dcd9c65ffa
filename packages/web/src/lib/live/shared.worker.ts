import { liveHub, type Tab } from "./hub.ts";
import type { FromTab } from "./messages.ts";

/** The hub of a browser, shared by all tabs of this service. */
const hub = liveHub();

self.addEventListener("connect", (event) => {
  const port = (event as MessageEvent).ports[0];
  if (!port) return;
  const tab: Tab = { post: (message) => port.postMessage(message) };
  port.onmessage = (heard: MessageEvent<FromTab>) => hub.hear(tab, heard.data);
});
