import { queryOptions } from "@tanstack/react-query";
import { client } from "../../lib/api.ts";
import { type DiffFile, parsePatch } from "./parse-patch.ts";

export type Patch = { bytes: Uint8Array; files: DiffFile[] };

/** The change of an attempt that has ended or waits for an answer. `stored` names it: after the answer there is another. */
export const patchQuery = (task: string, attempt: number, turn: number, stored: string | null) =>
  queryOptions({
    queryKey: ["patch", task, turn, attempt, stored],
    staleTime: Number.POSITIVE_INFINITY,
    structuralSharing: false,
    queryFn: async (): Promise<Patch> => {
      const bytes = await client.patch(task, attempt, turn);
      return { bytes, files: parsePatch(new TextDecoder().decode(bytes)) };
    },
  });
