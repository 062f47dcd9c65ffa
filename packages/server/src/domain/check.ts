import type { HostCheck } from "@farhand/protocol";

export const ok = (name: string, detail: string): HostCheck => ({ name, state: "ok", detail });
export const failed = (name: string, detail: string, remedy: string): HostCheck => ({ name, state: "failed", detail, remedy });
export const warning = (name: string, detail: string, remedy: string): HostCheck => ({ name, state: "warning", detail, remedy });
