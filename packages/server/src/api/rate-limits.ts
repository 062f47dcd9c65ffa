import rateLimit from "@fastify/rate-limit";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Api } from "./parts.ts";
import { TooMany } from "./problems.ts";

const MINUTE_MS = 60_000;

export interface RateLimits {
  /** Counts this try to get in, by the client's address (of IPv6 its /64) and, where it names an account, by that. Throws TooMany. */
  tryToGetIn(request: FastifyRequest, reply: FastifyReply, account?: string): Promise<void>;
}

/** Counted in this process: several API processes allow as many times more. */
export async function rateLimits(app: Api): Promise<RateLimits> {
  await app.register(rateLimit, { global: false });
  const byAddress = app.createRateLimit({ max: 20, timeWindow: MINUTE_MS, ipv6Subnet: 64, keyGenerator: (request) => request.ip });
  const accounts = new WeakMap<FastifyRequest, string>();
  const byAccount = app.createRateLimit({
    max: 30,
    timeWindow: 15 * MINUTE_MS,
    keyGenerator: (request) => accounts.get(request) ?? "",
  });
  return {
    async tryToGetIn(request, reply, account) {
      const counts = [await byAddress(request)];
      if (account !== undefined) {
        accounts.set(request, account.toLowerCase());
        counts.push(await byAccount(request));
      }
      for (const count of counts)
        if (!count.isAllowed && count.isExceeded) {
          reply.header("retry-after", count.ttlInSeconds);
          throw new TooMany(count.ttlInSeconds);
        }
    },
  };
}
