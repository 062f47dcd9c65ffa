import { z } from "zod";

/** One thing that was tried or told. `failed` = tasks cannot run; `warning` = they can, with less. */
export const HostCheck = z.discriminatedUnion("state", [
  z.object({ name: z.string(), state: z.literal("ok"), detail: z.string() }),
  z.object({ name: z.string(), state: z.literal("warning"), detail: z.string(), remedy: z.string() }),
  z.object({ name: z.string(), state: z.literal("failed"), detail: z.string(), remedy: z.string() }),
]);
export type HostCheck = z.infer<typeof HostCheck>;

/** How the service and its workers are, as far as it can know without trying: `farhand doctor` tries. */
export const HostReport = z.object({ version: z.string(), node: z.string(), startedAt: z.iso.datetime(), checks: z.array(HostCheck) });
export type HostReport = z.infer<typeof HostReport>;
