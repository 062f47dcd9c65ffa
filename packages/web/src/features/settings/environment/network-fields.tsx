import { NetworkPreset, type Recipe } from "@farhand/protocol";
import { Choice, Field, FieldGroup, TextBox, Tick } from "../../../ui/form.tsx";
import { useTyped } from "../../../ui/use-typed.ts";

type Policy = Recipe["network"];

const PRESETS: Record<NetworkPreset, string> = {
  "package-managers": "package managers: registries of npm, PyPI, crates.io, Go, Debian and others",
  common: "common: those, and code hosts such as github.com. Whoever can write there can take data out by them",
};
const PORTS = [80, 443];

type Props = { title: string; policy: Policy; onChange: (policy: Policy) => void; allowed: readonly string[] };

/** What a phase may reach; `allowed` are all domains of the version that is stored. */
export function NetworkFields({ title, policy: network, onChange: set, allowed }: Props) {
  const ports = network.kind === "none" ? PORTS : network.ports;
  return (
    <FieldGroup title={title}>
      <Choice
        label="It may reach"
        value={network.kind}
        onChange={(kind) =>
          set(
            kind === "allow"
              ? { kind, domains: [], presets: ["package-managers"], ports }
              : kind === "all"
                ? { kind, ports }
                : { kind: "none" },
          )
        }
        options={[
          ["none", "nothing"],
          ["allow", "what is named here"],
          ["all", "every public host"],
        ]}
        hint="By HTTP and HTTPS only. Addresses that are not public are refused always"
      />
      {network.kind === "allow" ? (
        <>
          {NetworkPreset.options.map((preset) => (
            <Tick
              key={preset}
              label={PRESETS[preset]}
              checked={network.presets.includes(preset)}
              onChange={(ticked) =>
                set({ ...network, presets: ticked ? [...network.presets, preset] : network.presets.filter((one) => one !== preset) })
              }
            />
          ))}
          <Domains domains={network.domains} onChange={(domains) => set({ ...network, domains })} />
          {allowed.length > 0 ? (
            <details className="text-[12.5px] text-ink-2">
              <summary className="cursor-pointer">All {allowed.length} domains of the saved version</summary>
              <p className="mt-1 font-mono text-[12px] break-words">{allowed.join(" ")}</p>
            </details>
          ) : null}
        </>
      ) : null}
      {network.kind !== "none" ? <Ports ports={network.ports} onChange={(changed) => set({ ...network, ports: changed })} /> : null}
    </FieldGroup>
  );
}

function Domains({ domains, onChange }: { domains: string[]; onChange: (domains: string[]) => void }) {
  const [typed, type] = useTyped(domains, {
    show: (all) => all.join("\n"),
    read: (text) => text.split(/[\s,]+/).filter((one) => one !== ""),
    onChange,
  });
  return (
    <TextBox
      label="Domains"
      code
      rows={Math.min(12, Math.max(3, domains.length + 1))}
      placeholder="example.org"
      value={typed}
      onChange={(event) => type(event.target.value)}
      hint="One a line, each with its subdomains"
    />
  );
}

function Ports({ ports, onChange }: { ports: number[]; onChange: (ports: number[]) => void }) {
  const [typed, type] = useTyped(ports, {
    show: (all) => all.join(", "),
    read: (text) => {
      const all = text.split(/[\s,]+/).filter((one) => one !== "");
      return all.every((one) => /^\d+$/.test(one)) ? all.map(Number) : undefined;
    },
    onChange,
  });
  return <Field label="Ports" value={typed} pattern="[0-9, ]*" onChange={(event) => type(event.target.value)} />;
}
