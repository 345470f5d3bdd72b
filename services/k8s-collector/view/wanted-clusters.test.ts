import { describe, expect, test } from "vitest";
import { WantedClusters } from "./wanted-clusters.ts";

const added = (id: string, kubeconfig = "k", secret = "mesh/a") => ({
  type: "added" as const,
  id,
  secret,
  kubeconfig,
});

function idsOf(wanted: WantedClusters) {
  return {
    read: [...wanted.clusters.keys()],
    refused: wanted.refused.map(({ id, reason }) => `${id}: ${reason}`),
  };
}

describe("WantedClusters", () => {
  test("never feeds a cluster back to the istiod that watches it", () => {
    const wanted = new WantedClusters(["east", "named"], ["north"], "home");
    for (const id of ["home", "west", "north", "south"]) wanted.apply(added(id));
    wanted.watched = {
      ownId: "home",
      remote: new Map([["east", "istio-system/s"], ["west", "istio-system/t"], ["north", "istio-system/u"]]),
    };
    const { read, refused } = idsOf(wanted);
    expect(read).toEqual(["named", "north", "south"]);
    expect(refused).toEqual([
      "east: istiod watches this cluster itself (Secret istio-system/s) and would know each Service twice; to read it all the same, add it to k8sSource.allowWatchedClusters",
      "home: this is the id of the cluster that we run in, which istiod watches itself; to read it all the same, add it to k8sSource.allowWatchedClusters",
      expect.stringMatching(/^west: istiod watches this cluster itself \(Secret istio-system\/t\)/),
    ]);
    wanted.watched = { ownId: "home", remote: new Map() };
    expect(idsOf(wanted).read).toEqual(["east", "named", "west", "north", "south"]);
  });

  test("reads our own cluster where the configuration names it", () => {
    expect(idsOf(new WantedClusters(["home"], [], "home"))).toEqual({ read: ["home"], refused: [] });
  });

  test("a Secret doesn't take a cluster over that the configuration names", () => {
    const wanted = new WantedClusters(["east"], [], "home");
    wanted.apply(added("east"));
    expect(wanted.clusters.get("east")?.kubeconfig).toBeUndefined();
    expect(wanted.refused).toEqual([
      {
        id: "east",
        origin: "Secret mesh/a",
        reason: "k8sSource.clusters names a cluster with this id already",
      },
    ]);
  });

  test("names Secrets that a roster refuses until they are mended or gone", () => {
    const wanted = new WantedClusters([], [], "home");
    wanted.apply({ type: "refused", id: "east", secret: "mesh/a", reason: "garbage" });
    expect(idsOf(wanted)).toEqual({ read: [], refused: ["east: garbage"] });
    wanted.apply(added("east"));
    expect(idsOf(wanted)).toEqual({ read: ["east"], refused: [] });
    wanted.apply({ type: "rotated", id: "east", secret: "mesh/a", kubeconfig: "new" });
    expect(wanted.clusters.get("east")?.kubeconfig).toBe("new");
    wanted.apply({ type: "removed", id: "east", secret: "mesh/a" });
    expect(idsOf(wanted)).toEqual({ read: [], refused: [] });
    wanted.apply({ type: "refused", id: "west", secret: "mesh/b", reason: "garbage" });
    wanted.apply({ type: "withdrawn", id: "west", secret: "mesh/b" });
    expect(idsOf(wanted)).toEqual({ read: [], refused: [] });
  });

  test("what was published of a cluster stays whose Secrets were unusable from the start, and no other one's", () => {
    const wanted = new WantedClusters(["named"], [], "home");
    const refused = (id: string, secret = "mesh/a") =>
      wanted.apply({ type: "refused", id, secret, reason: "garbage" });
    for (const id of ["east", "west", "named", "home"]) refused(id);
    wanted.watched = { ownId: "home", remote: new Map([["west", "istio-system/s"]]) };
    // One that istiod watches goes, whether it can be read or not.
    expect([...wanted.unreadable]).toEqual(["east"]);
    wanted.apply(added("east", "k", "mesh/b"));
    expect([...wanted.unreadable]).toEqual([]);
    // That Secret is deleted: this is evidence, though a broken one is left.
    wanted.apply({ type: "removed", id: "east", secret: "mesh/b" });
    expect([...wanted.unreadable]).toEqual([]);
    refused("north");
    expect([...wanted.unreadable]).toEqual(["north"]);
    wanted.apply({ type: "withdrawn", id: "north", secret: "mesh/a" });
    expect([...wanted.unreadable]).toEqual([]);
  });
});
