import { ToolchainName, type Toolchains } from "@farhand/protocol";
import { Field } from "../../../ui/form.tsx";
import { useTyped } from "../../../ui/use-typed.ts";
import type { FieldsProps } from "./fields.ts";

export function ToolchainFields({ recipe, change }: FieldsProps) {
  const [typed, type] = useTyped<Toolchains, string>(recipe.toolchains, {
    show: (toolchains) =>
      Object.entries(toolchains)
        .map(([name, version]) => `${name} ${version}`)
        .join(", "),
    read,
    onChange: (toolchains) => change({ toolchains }),
  });
  return (
    <Field
      label="Toolchains"
      value={typed}
      placeholder="node 22, python 3.12"
      pattern={`\\s*((${ToolchainName.options.join("|")})\\s+\\d+(\\.\\d+){0,2}\\s*(,\\s*|$))*`}
      title="such as node 22, python 3.12"
      onChange={(event) => type(event.target.value)}
      hint={`Versions that there must be, of ${ToolchainName.options.join(", ")}. A version manager on the worker's machine is asked for what is missing`}
    />
  );
}

function read(text: string): Toolchains | undefined {
  const toolchains: Toolchains = {};
  for (const part of text.split(",")) {
    if (part.trim() === "") continue;
    const [, name, version] = /^\s*(\w+)\s+(\d+(?:\.\d+){0,2})\s*$/.exec(part) ?? [];
    const known = ToolchainName.options.find((one) => one === name);
    if (!known || version === undefined) return undefined;
    toolchains[known] = version;
  }
  return toolchains;
}
