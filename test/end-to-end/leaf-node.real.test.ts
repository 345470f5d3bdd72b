import { connect } from "@nats-io/transport-node";
import { describe, expect, onTestFinished, test } from "vitest";
import { requireReal } from "../servers/find.ts";
import { plainServers, securedServers, siteName, startSites } from "./leaf-rig.ts";

const soon = { timeout: 120_000, interval: 50 };
const services = 30;

/** A number of Prometheus' text form; undefined if it isn't there. */
const metric = (text: string, name: string) =>
  text.split("\n").find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);

const setups = [
  { title: "one account", start: plainServers, source: "default" },
  { title: "accounts, keys and TLS", start: securedServers, source: siteName },
];

describe.skipIf(requireReal("nats-server").skip).each(setups)(
  "a site behind a leaf node, with $title",
  ({ start, source }) => {
    test("a cut of the link loses nothing, and costs what has changed meanwhile", async () => {
      const { register, registry, edge, central, observers, cut, stored } = await startSites(start, services);
      const endpointsOf = (host: number) =>
        observers.map(({ view }) => [...view].find(([name]) => name.startsWith(`service-${host}.`))?.[1]);
      await expect.poll(() => observers.map(({ view }) => view.size), soon).toEqual([services, services]);
      const before = await stored();

      cut(true);
      await expect.poll(
        async () => metric(await edge.get("/metrics"), "meshregistry_entry_log_readable"),
        soon,
      )
        .toBe("0");
      // While it is cut: a service more, an instance more, an instance in place of another, …
      register(services);
      register(1, 2);
      register(2, 2);
      registry.cancel("SERVICE-2", "10.1.0.2:8080");
      // … and one that comes and goes all the time.
      for (let round = 0; round < 1000; round++) {
        register(3, 3);
        registry.cancel("SERVICE-3", "10.3.0.3:8080");
      }
      // The edge starts anew, too, and serves what it had.
      await edge.restart();
      await expect.poll(() => edge.isReady(), soon).toBe(true);
      await expect.poll(() => observers[0]?.streams, soon).toBeGreaterThan(1);
      await expect.poll(async () => metric(await edge.get("/metrics"), "meshregistry_endpoints"), soon)
        .toBe(String(services));
      // To the hub the site's collector is lost, as it is an hour later.
      const live = `meshregistry_source_collectors{registry="eureka",source="${source}",state="live"}`;
      await expect.poll(async () => metric(await central.get("/metrics"), live), soon).toBe("0");
      expect(await stored()).toBe(before);

      cut(false);
      const change = [
        [services, [`10.1.0.${services}:8080`]],
        [1, ["10.1.0.1:8080", "10.2.0.1:8080"]],
        [2, ["10.2.0.2:8080"]],
      ] as const;
      for (const [host, endpoints] of change) {
        await expect.poll(() => endpointsOf(host), soon).toEqual([endpoints, endpoints]);
      }
      expect(observers.map(({ view }) => view.size)).toEqual([services + 1, services + 1]);
      // No host was missing for a moment, at either site.
      for (const { lostHosts, emptiedHosts } of observers) {
        expect([...lostHosts, ...emptiedHosts]).toEqual([]);
      }
      // The three changes, the term of the new process, and sync markers: no entry that was the same is sent again.
      expect(await stored() - before).toBeLessThan(services / 2);
    });
  },
);

describe.skipIf(requireReal("nats-server").skip)("the account of a site", () => {
  test("a site writes its own sources and nothing else, and the server writes nothing for it", async () => {
    const { servers: { leaf }, observers, stored } = await startSites(securedServers, 1);
    await expect.poll(() => observers.map(({ view }) => view.size), soon).toEqual([1, 1]);
    // Whoever reaches the leaf may do what the site may.
    const connection = await connect({ servers: leaf.url });
    onTestFinished(() => connection.close());
    const ask = async (subject: string, body = "{}") =>
      await connection.request(subject, body, { timeout: 1500 }).then(
        (answer) =>
          answer.json<{ error?: { description: string }; seq?: number }>().error?.description ?? "done",
        () => "refused",
      );
    const foreign = "mesh.entries.ServiceEntry.eureka.default.shop.forged";
    const before = await stored();
    expect(await ask(foreign)).toBe("refused");
    expect(await ask("mesh.facts.Pod.home.shop.forged")).toBe("refused");
    for (const request of ["STREAM.DELETE", "STREAM.PURGE", "STREAM.UPDATE"]) {
      expect(await ask(`$JS.API.${request}.MESH_ENTRIES`)).toBe("refused");
      expect(await ask(`$MESH.API.${request}.MESH_ENTRIES`)).toBe("refused");
    }
    expect(await ask("$KV.MESH_ENTRIES_COLLECTORS.lease.eureka.default.forged")).toBe("refused");
    // Answers that are to go where the site may not write.
    connection.publish("$JS.API.STREAM.INFO.MESH_ENTRIES", "", { reply: foreign });
    connection.publish("$JS.API.DIRECT.GET.MESH_ENTRIES", JSON.stringify({ seq: 1, next_by_subj: ">" }), {
      reply: foreign,
    });
    await connection.flush();
    expect(await ask(`mesh.entries.ServiceEntry.eureka.${siteName}.shop.own`, "{}")).toBe("done");
    expect(await stored()).toBe(before + 1);
  });
});
