import { z } from "zod";
import { type Calling, carryOut, type ToolMessage } from "./calls.ts";
import type { Progress } from "./engine.ts";
import { Excerpt } from "./excerpt.ts";
import { shellTool } from "./tools/shell.ts";
import type { Tool } from "./tools/tool.ts";

/** Of all failed checks together, what the model is told. */
const TOLD_CHARS = 12_000;
const DAY_SECONDS = 86_400;

/** Runs one check of the environment. No model is told of this tool; its calls stand in the log like those of the others. */
const checkTool: Tool<{ command: string }> = {
  name: "check",
  description: "Runs a check of the environment.",
  input: z.strictObject({ command: z.string() }),
  readsOnly: false,
  run: ({ command }, context, signal) => shellTool.run({ command, timeout_seconds: DAY_SECONDS }, context, signal),
};

/** Runs the checks of the environment one after another. What the model is to be told of those that failed; null = all passed. */
export async function* runChecks(
  checks: readonly string[],
  how: Omit<Calling, "tools" | "refusal">,
): AsyncGenerator<Progress, string | null> {
  const calls = checks.map((command, index) => ({ id: `check-${index + 1}`, name: checkTool.name, input: { command } }));
  const running = carryOut(calls, { ...how, tools: [checkTool as Tool], refusal: null });
  try {
    for (;;) {
      const came = await running.next();
      if (came.done) return failuresInWords(checks, came.value);
      const { said: _, ...progress } = came.value; // the model hears of all of them together, if at all
      yield progress;
    }
  } finally {
    await running.return([]);
  }
}

function failuresInWords(checks: readonly string[], results: readonly ToolMessage[]): string | null {
  const failed = results.flatMap(({ text, exit }, index) =>
    exit?.kind === "exited" && exit.code === 0 ? [] : [{ command: checks[index] ?? "", text }],
  );
  if (failed.length === 0) return null;
  return [
    `Before your work counts as finished, the environment's checks are run. ${failed.length} of ${checks.length} failed:`,
    ...failed.map(({ command, text }) => {
      const excerpt = new Excerpt(Math.floor(TOLD_CHARS / failed.length));
      excerpt.append(text);
      return `$ ${command}\n${String(excerpt).trimEnd()}`;
    }),
    "Mend what your change broke. If a check fails for a reason that is not yours, leave it and say so in your answer.",
  ].join("\n\n");
}
