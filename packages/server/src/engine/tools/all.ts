import { applyPatchTool } from "./apply-patch.ts";
import { askUserTool } from "./ask-user.ts";
import { editTool } from "./edit.ts";
import { processTool } from "./process.ts";
import { readFileTool } from "./read-file.ts";
import { searchTool } from "./search.ts";
import { shellTool } from "./shell.ts";
import type { Tool } from "./tool.ts";
import { updatePlanTool } from "./update-plan.ts";
import { writeFileTool } from "./write-file.ts";

/** The tools of the built-in engine, in the order in which a model is told of them. */
export const TOOLS: readonly Tool[] = [
  shellTool,
  processTool,
  readFileTool,
  searchTool,
  editTool,
  applyPatchTool,
  writeFileTool,
  updatePlanTool,
  askUserTool,
];
