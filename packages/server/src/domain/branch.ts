/** A short title from the first line of a prompt. */
export function titleOf(prompt: string): string {
  const line =
    prompt
      .split("\n")
      .map((one) => one.replace(/^[#>*\s-]+/, "").trim())
      .find((one) => one && !/^[`~]{3}/.test(one)) ?? "Untitled task";
  return line.length <= 80 ? line : `${line.slice(0, 79).trimEnd()}…`;
}

/** `farhand/<slug>-<short id>`: safe as a git ref whatever the title has in it. */
export function branchName(title: string, taskId: string): string {
  const slug = title
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 40)
    .replace(/^-+|-+$/g, "");
  return `farhand/${slug || "task"}-${taskId.slice(-16, -10)}`;
}
