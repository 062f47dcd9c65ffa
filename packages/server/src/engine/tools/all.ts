import { shellTool } from "./shell.ts";
import type { Tool } from "./tool.ts";

/** The tools of the built-in engine, in the order in which a model is told of them. */
export const TOOLS: readonly Tool[] = [shellTool];
