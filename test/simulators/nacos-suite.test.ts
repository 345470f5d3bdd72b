import { SimulatedNacos } from "../../shared/simulators/nacos/server.ts";
import type { NacosSuiteServer } from "./nacos-suite-client.ts";
import { nacosSuite } from "./nacos-suite.ts";

const versions = [
  { version: "3.2.0", generation: 3 },
  { version: "3.1.0", generation: 3 },
  { version: "2.3.2", generation: 2 },
  { version: "2.0.4", generation: 2 },
  { version: "1.4.6", generation: 1 },
] as const;

for (const { version, generation } of versions) {
  for (const mode of ["watching", "polling"] as const) {
    if (mode === "watching" && generation === 1) continue;
    nacosSuite(`The simulated Nacos ${version}, ${mode}`, {
      start: () => startSimulated(version),
      mode,
      generation,
      hasFuzzyWatch: mode === "watching" && generation === 3,
      isNacos: true,
    });
  }
}

async function startSimulated(version: string): Promise<NacosSuiteServer> {
  const server = new SimulatedNacos({ version, pushDelayMs: 20 });
  const address = await server.listen();
  const { registry } = server;
  let providers = 0;
  return {
    address,
    openProvider: (namespace) => {
      const owner = `suite-${++providers}`;
      return Promise.resolve({
        set: (service, instances) => {
          const stored = instances.map(({ cluster, ...instance }) => ({
            ...instance,
            ...(cluster !== undefined && { clusterName: cluster }),
          }));
          registry.setInstances({ namespace, ...service }, stored, owner);
          return Promise.resolve();
        },
        [Symbol.asyncDispose]: () => Promise.resolve(registry.disown(owner)),
      });
    },
    addNamespace: (id) => Promise.resolve(registry.addNamespace(id)),
    setConfig: (group, dataId, content) =>
      Promise.resolve(registry.setConfig("public", group, dataId, content)),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
