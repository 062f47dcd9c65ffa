import { type Benchmark, inMs, percentile } from "./figure.ts";
import { temporaryFolder } from "./folder.ts";
import { npmStart } from "./server.ts";

const STARTS = 5;

export const startUp: Benchmark = {
  name: "start-up",
  async run(say, signal) {
    await using home = await temporaryFolder();
    const starts: number[] = [];
    for (let start = 0; start <= STARTS; start += 1) {
      await using server = await npmStart(home.path, signal);
      starts.push(server.readyAfterMs);
      say(`start ${start + 1}: ${inMs(server.readyAfterMs)}`);
    }
    const [first = Number.NaN, ...later] = starts;
    return [
      { what: "first `npm start` with everything installed, to ready", farhand: inMs(first), podman: null, bare: null },
      { what: `\`npm start\` again, to ready (median of ${STARTS})`, farhand: inMs(percentile(later, 50)), podman: null, bare: null },
    ];
  },
};
