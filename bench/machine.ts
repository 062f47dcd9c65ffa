import { cpus, loadavg, release, totalmem, type, userInfo } from "node:os";

/** Where the figures come from, in one line; asked before the first one, the load is that of others. */
export function machine(): string {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GiB`;
  const user = userInfo().uid === 0 ? "as root" : "as an ordinary user";
  return `${cpus().length} × ${cpu?.model.trim() || "unknown processor"}, ${memory}, ${type()} ${release()}, Node ${process.version}, ${user}, load ${(loadavg()[0] ?? 0).toFixed(1)} before, ${new Date().toISOString().slice(0, 10)}`;
}
