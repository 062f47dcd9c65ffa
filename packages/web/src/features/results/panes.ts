/** What can be looked at of a task, and what each is called. */
export const PANES = {
  transcript: "Transcript",
  compare: "Compare",
  diff: "Diff",
  terminal: "Terminal",
  network: "Network",
  steps: "Steps",
} as const;
export type Pane = keyof typeof PANES;

/** Those that there are: on a wide screen the transcript has a place of its own, and a single attempt is compared with none. */
export function panesFor(wide: boolean, attempts: number): Pane[] {
  return (Object.keys(PANES) as Pane[]).filter((one) => (one === "transcript" ? !wide : one !== "compare" || attempts > 1));
}
