import { z } from "zod";
import { answering, type Tool } from "./tool.ts";

const UpdatePlanInput = z.strictObject({
  steps: z
    .array(z.strictObject({ step: z.string().min(1).max(500), status: z.enum(["pending", "in_progress", "completed"]) }))
    .min(1)
    .max(30),
});
type UpdatePlanInput = z.infer<typeof UpdatePlanInput>;

/** The plan is in the call's input, from which every surface shows it; nothing else is to be done. */
export const updatePlanTool: Tool<UpdatePlanInput> = {
  name: "update_plan",
  description: "Shows the user your plan, whole each time; at most one step in progress. For work of several steps only.",
  input: UpdatePlanInput,
  readsOnly: true,
  run: answering(async () => {
    return "Shown.";
  }),
};
