/** What somebody noted at a line of the diff. */
export type Comment = { id: string; path: string; line: number; side: "old" | "new"; code: string; text: string };

/** The message with the comments in front of it, each with its place and the line itself. */
export function withComments(text: string, comments: readonly Comment[]): string {
  const notes = comments.map(({ path, line, side, code, text: note }) => {
    const fence = "`".repeat(Math.max(3, ...[...code.matchAll(/`+/g)].map(([run]) => run.length + 1)));
    return `On line ${line} of ${path}${side === "old" ? " (as it was before)" : ""}:\n${fence}\n${code}\n${fence}\n${note}`;
  });
  return [...notes, text.trim()].filter((part) => part !== "").join("\n\n");
}
