import { z } from "zod";
import { KubernetesLoad } from "./kubernetes-load.ts";
import { sharedClockMs } from "./stopwatch.ts";
import { serveCommands } from "./worker.ts";

/** The simulated cluster of the Kubernetes measurement; each command answers when it was begun, by the shared clock. */

const Size = z.object({ services: z.number(), instances: z.number() });
const Change = z.object({ index: z.number() });
const Relabel = z.object({ index: z.number(), version: z.string() });
const Beat = z.object({ perSecond: z.number(), seconds: z.number() });

let load: KubernetesLoad | undefined;

function running(): KubernetesLoad {
  if (load === undefined) throw new TypeError("there is no cluster yet");
  return load;
}

serveCommands({
  start: async (input) => {
    load = new KubernetesLoad(Size.parse(input));
    const url = await load.start();
    return { url, kubeconfig: load.server.kubeconfig(url) };
  },
  change: (input) => {
    const atMs = sharedClockMs();
    running().change(Change.parse(input).index);
    return atMs;
  },
  relabel: (input) => {
    const { index, version } = Relabel.parse(input);
    const atMs = sharedClockMs();
    running().relabel(index, version);
    return atMs;
  },
  /** Status changes of pods, so many a second, for a while. */
  beat: async (input) => {
    const { perSecond, seconds } = Beat.parse(input);
    const atMs = sharedClockMs();
    for (let count = 0; count < perSecond * seconds; count++) {
      running().beat();
      const waitMs = atMs + (count + 1) * 1_000 / perSecond - sharedClockMs();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    return atMs;
  },
});
