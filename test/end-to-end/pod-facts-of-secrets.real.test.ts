import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { EurekaServer } from "../../shared/simulators/eureka/server.ts";
import type { Pod } from "../../shared/simulators/kubernetes/objects.ts";
import { requireReal } from "../servers/find.ts";
import { startKubeApiServer } from "../servers/kube-apiserver.ts";
import type { KubeApiServer } from "../servers/kube-apiserver.ts";
import { startService } from "./services.ts";
import type { Service } from "./services.ts";

const patient = { timeout: 60_000, interval: 50 };

const Entries = z.array(z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    endpoints: z.array(
      z.object({ address: z.string(), labels: z.record(z.string(), z.string()).default({}) }),
    )
      .default([]),
  }),
}));

/**
 * Everything in one process, which reads pods as well: of our own real cluster, and of another one that nothing but a
 * Secret of `clusterSecretsNamespace` names.
 */
describe.skipIf(requireReal("kube-apiserver").skip)(
  "facts of a cluster that only a source's Secret names",
  () => {
    const stack = new AsyncDisposableStack();
    let home: KubeApiServer;
    let east: KubeApiServer;
    let service: Service;

    beforeAll(async () => {
      // Pods as the test writes them: nobody makes an account for them here.
      const start = () => startKubeApiServer({ flags: ["--disable-admission-plugins=ServiceAccount"] });
      const servers = await Promise.all([start(), start()]);
      for (const server of servers) stack.use(server);
      [home, east] = servers;
      await Promise.all(servers.map((server) => server.set("namespaces", { metadata: { name: "shop" } })));
      await home.set("namespaces", { metadata: { name: "clusters" } });
      await home.set("pods", pod("at-home", "10.0.0.1", "v1"));
      await east.set("pods", pod("in-the-east", "10.1.0.1", "v1"));
      await east.set("services", {
        metadata: { namespace: "shop", name: "carts" },
        spec: { ports: [{ name: "http", port: 80, targetPort: 8080 }] },
      });
      await east.set("endpointSlices", {
        metadata: { namespace: "shop", name: "carts-1", labels: { "kubernetes.io/service-name": "carts" } },
        addressType: "IPv4",
        ports: [{ name: "http", port: 8080 }],
        endpoints: [{
          addresses: ["10.1.0.1"],
          targetRef: { kind: "Pod", namespace: "shop", name: "in-the-east" },
        }],
      });
      const eureka = stack.use(new EurekaServer());
      const address = await eureka.listen("127.0.0.1:0");
      for (const ipAddr of ["10.0.0.1", "10.1.0.1", "172.16.0.1"]) {
        eureka.registry.register("ORDERS", {
          instanceId: ipAddr,
          status: "UP",
          ipAddr,
          port: { "$": 8080 },
          metadata: {},
        });
      }
      const kubeConfig = join(home.folder, "home.kubeconfig");
      writeFileSync(kubeConfig, home.kubeconfig("admin"));
      service = stack.use(
        await startService("all-in-one", {
          k8s: { kubeConfig, clusterId: "home", clusterRegistriesNamespace: "" },
          k8sSource: { clusterSecretsNamespace: "clusters" },
          eurekaSource: { enabled: true, address: [address], deltaPeriod: "200ms", refreshPeriod: "5s" },
        }),
      );
    }, 120_000);

    afterAll(() => stack.disposeAsync());

    function pod(name: string, ip: string, version: string): Pod {
      return {
        metadata: { namespace: "shop", name, labels: { app: "orders", version } },
        spec: { nodeName: "n1", containers: [{ name: "a", image: "a:1" }] },
        status: { phase: "Running", podIP: ip, podIPs: [{ ip }] },
      };
    }

    const setSecret = (kubeconfig: string) =>
      home.set("secrets", {
        metadata: { namespace: "clusters", name: "east", labels: { "istio/multiCluster": "true" } },
        data: { east: Buffer.from(kubeconfig).toString("base64") },
      });

    /** Versions that the endpoints of each entry have from their pods, by address. */
    const versions = async () => {
      const path =
        "/meshregistry/xdsCache?k8sRsc=1&layout=list&format=yaml&res=networking.istio.io/v1alpha3/ServiceEntry";
      const entries = Entries.parse(parse(await service.get(path)) ?? []);
      return Object.fromEntries(entries.map(({ metadata: { name }, spec }) => [
        name.split(".")[0],
        Object.fromEntries(spec.endpoints.map(({ address, labels }) => [address, labels["version"] ?? ""])),
      ]));
    };

    test("labels of its pods come with the Secret, follow the pods, and go with the Secret", async () => {
      const orders = (atHome: string, inTheEast: string) => ({
        "10.0.0.1": atHome,
        "10.1.0.1": inTheEast,
        "172.16.0.1": "",
      });
      await expect.poll(versions, patient).toEqual({ orders: orders("v1", "") });
      const connections = () => service.get("/meshregistry/collectors/kubernetes");
      expect(await connections()).toContain("namespace clusters has no Secret labelled");

      await setSecret(east.kubeconfig("admin"));
      await expect.poll(versions, patient).toEqual({
        orders: orders("v1", "v1"),
        carts: { "10.1.0.1": "v1" },
      });
      await east.set("pods", pod("in-the-east", "10.1.0.1", "v2"));
      await expect.poll(versions, patient).toEqual({
        orders: orders("v1", "v2"),
        carts: { "10.1.0.1": "v2" },
      });

      await east.kill();
      await expect.poll(() => service.get("/meshregistry/ready"), patient).toMatch(
        /cluster east.* can't be (read|reached)/,
      );
      await home.set("pods", pod("at-home", "10.0.0.1", "v3"));
      await expect.poll(versions, patient).toEqual({
        orders: orders("v3", "v2"),
        carts: { "10.1.0.1": "v2" },
      });
      await east.restart();
      await setSecret(east.kubeconfig("admin-token"));
      await east.set("pods", pod("in-the-east", "10.1.0.1", "v4"));
      await expect.poll(versions, patient).toEqual({
        orders: orders("v3", "v4"),
        carts: { "10.1.0.1": "v4" },
      });

      await home.delete("secrets", { namespace: "clusters", name: "east" });
      await expect.poll(versions, patient).toMatchObject({ orders: orders("v3", "") });
    });
  },
);
