import { Gauge, Registry } from "prom-client";

/** What one process counts, under its own label, so that the figures of several can stand beside one another. */
export function openMetrics(process: string): Registry {
  const register = new Registry();
  register.setDefaultLabels({ process });
  const own = { registers: [register] };
  new Gauge({
    ...own,
    name: "farhand_process_resident_bytes",
    help: "Memory of the process",
    collect() {
      this.set(globalThis.process.memoryUsage.rss());
    },
  });
  new Gauge({
    ...own,
    name: "farhand_process_cpu_seconds",
    help: "Processor time of the process since its start",
    collect() {
      const { user, system } = globalThis.process.cpuUsage();
      this.set((user + system) / 1e6);
    },
  });
  new Gauge({ ...own, name: "farhand_process_start_seconds", help: "When the process started, in seconds since 1970" }).set(
    Date.now() / 1000 - globalThis.process.uptime(),
  );
  return register;
}
