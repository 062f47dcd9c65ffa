import type { FastifyRequest } from "fastify";
import type { Config } from "../config.ts";
import { isKnownHost } from "./host.ts";

type Address = Pick<Config, "publicUrl" | "host" | "port">;

/** Where a browser says that a request comes from: a page of ours, one of somebody else, or nothing (then it is no browser, or an old one). */
export function originOf(request: Pick<FastifyRequest, "headers">, config: Address): "own" | "foreign" | "unsaid" {
  const { origin, "sec-fetch-site": site } = request.headers;
  if (site !== undefined && site !== "same-origin") return "foreign";
  if (origin !== undefined) return isOwn(origin, config) ? "own" : "foreign";
  return site === undefined ? "unsaid" : "own";
}

function isOwn(origin: string, config: Address): boolean {
  const from = URL.parse(origin);
  if (!from || !isKnownHost(from.host, config)) return false;
  const shown = new URL(config.publicUrl);
  return from.protocol === (from.host === shown.host ? shown.protocol : "http:");
}
