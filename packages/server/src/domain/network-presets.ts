import type { NetworkPolicy, NetworkPreset } from "@farhand/protocol";

/** Registries of packages and what they hand out. */
const PACKAGE_MANAGERS = [
  ...["npmjs.org", "npmjs.com", "yarnpkg.com", "nodejs.org", "jsr.io", "deno.land"],
  ...["pypi.org", "pythonhosted.org", "python.org", "anaconda.org", "conda.io"],
  ...["crates.io", "rust-lang.org", "rustup.rs"],
  ...["golang.org", "go.dev"],
  ...["rubygems.org", "bundler.io"],
  ...["packagist.org", "getcomposer.org"],
  ...["maven.org", "apache.org", "gradle.org", "sonatype.org"],
  ...["nuget.org", "hex.pm", "pub.dev", "cpan.org", "hackage.haskell.org", "cocoapods.org"],
  ...["debian.org", "ubuntu.com", "alpinelinux.org", "fedoraproject.org", "archlinux.org"],
];

/** Code hosts, whose archives and releases builds fetch. Whoever can write there can take data out by them. */
const CODE_HOSTS = ["github.com", "githubusercontent.com", "gitlab.com", "bitbucket.org", "codeberg.org", "sourceforge.net"];

/** Registrable domains, each with its subdomains. A run takes the lists of the version of Farhand that drives it. */
export const NETWORK_PRESETS: Readonly<Record<NetworkPreset, readonly string[]>> = {
  "package-managers": PACKAGE_MANAGERS,
  common: [...PACKAGE_MANAGERS, ...CODE_HOSTS],
};

/** The domains of a policy, presets spelled out, each once; none for the policies that name none. */
export function allowedDomains(policy: NetworkPolicy): string[] {
  if (policy.kind !== "allow") return [];
  return [...new Set([...policy.domains, ...policy.presets.flatMap((preset) => NETWORK_PRESETS[preset])])];
}
