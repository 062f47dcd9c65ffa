import type { CommandItem, PlanStep, ToolItem } from "@farhand/protocol";
import { memo } from "react";
import { Asked } from "./asked.tsx";
import { Command } from "./command.tsx";
import { Edit, type OpenFile } from "./edit.tsx";
import { Plan, PlanLine } from "./plan.tsx";
import { ToolLine } from "./tool-line.tsx";

/** A call of a tool, in the shape that suits what it is about. `plan` is the attempt's present one; `ended`: the attempt has come to its end. */
export const Call = memo(function Call({
  item,
  task,
  plan,
  ended,
  onOpenFile,
}: {
  item: CommandItem | ToolItem;
  task: string;
  plan: PlanStep[] | null;
  ended: boolean;
  onOpenFile: OpenFile;
}) {
  if (item.kind === "command" || item.isError) return <Command item={item} task={task} />;
  if (item.tool === "ask_user") return <Asked item={item} />;
  const { subject } = item;
  switch (subject.kind) {
    case "edit":
      return <Edit item={item} files={subject.files} onOpenFile={onOpenFile} />;
    case "plan":
      return subject.steps === plan ? <Plan steps={subject.steps} ended={ended} /> : <PlanLine subject={subject} />;
    case "read":
    case "search":
      return <ToolLine item={item} subject={subject} />;
    case "process":
    case "other":
      return <Command item={item} task={task} />;
    default:
      return subject satisfies never;
  }
});
