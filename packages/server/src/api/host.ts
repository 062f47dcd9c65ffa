import type { Config } from "../config.ts";

/** Whether the Host header names this service: its public URL, or the address it listens on. Anything else may be a page of a stranger whose name was made to point here. */
export function isKnownHost(host: string, config: Pick<Config, "publicUrl" | "host" | "port">): boolean {
  const asked = host.toLowerCase();
  const shown = config.host.includes(":") ? `[${config.host}]` : config.host.toLowerCase();
  const here = [
    new URL(config.publicUrl).host,
    `${shown}:${config.port}`,
    `localhost:${config.port}`,
    `127.0.0.1:${config.port}`,
    `[::1]:${config.port}`,
  ];
  return here.includes(asked);
}
