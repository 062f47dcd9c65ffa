import type { HostCheck } from "@farhand/protocol";

/** The report for a person; `width` aligns the names. */
export function reportOf(checks: readonly HostCheck[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const margin = " ".repeat(9 + width + 2);
  const lines = checks.map((check) => {
    const head = `${check.state.padEnd(9)}${check.name.padEnd(width + 2)}${check.detail.replaceAll("\n", `\n${margin}`)}`;
    return check.state === "ok" ? head : `${head}\n${margin}${check.remedy}`;
  });
  const bad = checks.filter(({ state }) => state === "failed").length;
  return [...lines, "", bad === 0 ? "Farhand can run here." : `${bad} of ${checks.length} checks failed.`].join("\n");
}
