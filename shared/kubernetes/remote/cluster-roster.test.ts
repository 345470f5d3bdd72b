import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ReceivedObject } from "../kubernetes.ts";
import { ClusterRoster } from "./cluster-roster.ts";
import { clusterSecretsOf, decodeClusterSecret } from "./cluster-secret.ts";

/** A kubeconfig for a token. */
function kubeconfig(token: string, user: object = { token }): string {
  return JSON.stringify({
    "current-context": "c",
    clusters: [{ name: "c", cluster: { server: "https://10.0.0.1" } }],
    users: [{ name: "u", user }],
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
  });
}

/** A Secret as it arrives: a kubeconfig for each cluster. `age` 0 is the oldest. */
function received(name: string, age: number, clusters: Readonly<Record<string, string>>): ReceivedObject {
  const data = Object.fromEntries(
    Object.entries(clusters).map(([id, text]) => [id, Buffer.from(text).toString("base64")]),
  );
  const creationTimestamp = `2026-01-0${age + 1}T00:00:00Z`;
  return {
    namespace: "mesh",
    name,
    uid: name,
    resourceVersion: "1",
    json: { metadata: { creationTimestamp }, data },
  };
}

const secret = (name: string, age: number, clusters: Readonly<Record<string, string>>) =>
  decodeClusterSecret(received(name, age, clusters));

describe("decodeClusterSecret", () => {
  test("decodes a kubeconfig for each cluster, and says what is wrong with those that can't be used", () => {
    const exec = kubeconfig("", { exec: { command: "sh" } });
    const { key, clusters } = secret("s", 0, { east: kubeconfig("t"), west: exec, north: "garbage {" });
    expect(key).toBe("mesh/s");
    expect([...clusters].map(([id, { problem }]) => [id, problem])).toEqual([
      ["east", undefined],
      [
        "west",
        expect.stringContaining("the kubeconfig of cluster west is refused because of users[0].user.exec"),
      ],
      ["north", expect.stringContaining("the kubeconfig of cluster north is no ")],
    ]);
    expect(clusters.get("east")?.text).toBe(kubeconfig("t"));
  });

  test("takes a Secret without data, and refuses what is none", () => {
    const empty = { ...received("s", 0, {}), json: { metadata: {} } };
    expect(decodeClusterSecret(empty).clusters.size).toBe(0);
    const wrong = { ...received("s", 0, {}), json: { metadata: {}, data: { a: 5 } } };
    expect(() => decodeClusterSecret(wrong)).toThrow("Secret mesh/s: data isn't a map of texts");
  });

  test("are found by Istio's label", () => {
    expect(clusterSecretsOf("mesh")).toMatchObject({
      resource: { plural: "secrets" },
      namespace: "mesh",
      labelSelector: "istio/multiCluster=true",
    });
  });
});

describe("ClusterRoster", () => {
  test("adds, rotates and removes clusters as their Secrets come, change and go", () => {
    const roster = new ClusterRoster();
    expect(roster.set(secret("s", 0, { east: kubeconfig("1"), west: kubeconfig("2") }))).toEqual([
      { type: "added", id: "east", secret: "mesh/s", kubeconfig: kubeconfig("1") },
      { type: "added", id: "west", secret: "mesh/s", kubeconfig: kubeconfig("2") },
    ]);
    expect(roster.set(secret("s", 0, { east: kubeconfig("1"), west: kubeconfig("3") }))).toEqual([
      { type: "rotated", id: "west", secret: "mesh/s", kubeconfig: kubeconfig("3") },
    ]);
    expect(roster.set(secret("s", 0, { east: kubeconfig("1") }))).toEqual([{
      type: "removed",
      id: "west",
      secret: "mesh/s",
    }]);
    expect(roster.deleted("mesh/s")).toEqual([{ type: "removed", id: "east", secret: "mesh/s" }]);
    expect(roster.deleted("mesh/s")).toEqual([]);
    expect(roster.clusters.size).toBe(0);
  });

  test("keeps what it had when a Secret is rotated to garbage, and says so once", () => {
    const roster = new ClusterRoster();
    roster.set(secret("s", 0, { east: kubeconfig("1") }));
    const broken = secret("s", 0, { east: "garbage" });
    expect(roster.set(broken)).toEqual([
      {
        type: "refused",
        id: "east",
        secret: "mesh/s",
        reason: expect.stringContaining("is no kubeconfig") as unknown,
      },
    ]);
    expect(roster.set(broken)).toEqual([]);
    expect([...roster.clusters]).toEqual([["east", "mesh/s"]]);
    expect(roster.set(secret("s", 0, { east: kubeconfig("2") }))).toMatchObject([{ type: "rotated" }]);
    expect(roster.set(broken)).toMatchObject([{ type: "refused" }]);
  });

  test("a garbage Secret doesn't touch its neighbours", () => {
    const roster = new ClusterRoster();
    expect(roster.set(secret("a", 0, { north: "garbage", east: kubeconfig("1") }))).toMatchObject([
      { type: "refused", id: "north" },
      { type: "added", id: "east" },
    ]);
    expect(roster.set(secret("b", 1, { west: kubeconfig("2") }))).toMatchObject([{
      type: "added",
      id: "west",
    }]);
    expect(roster.deleted("mesh/a")).toEqual([
      { type: "withdrawn", id: "north", secret: "mesh/a" },
      { type: "removed", id: "east", secret: "mesh/a" },
    ]);
    expect([...roster.clusters.keys()]).toEqual(["west"]);
  });

  test("gives an id that two Secrets name to the older one, and to the other one when that is gone", () => {
    const roster = new ClusterRoster();
    roster.set(secret("old", 0, { east: kubeconfig("1") }));
    expect(roster.set(secret("new", 1, { east: kubeconfig("2") }))).toEqual([
      {
        type: "refused",
        id: "east",
        secret: "mesh/new",
        reason: "cluster east is already that of Secret mesh/old",
      },
    ]);
    expect(roster.deleted("mesh/old")).toEqual([
      { type: "rotated", id: "east", secret: "mesh/new", kubeconfig: kubeconfig("2") },
    ]);
    // The same kubeconfig needs no new connection.
    roster.set(secret("new", 1, { east: kubeconfig("1") }));
    expect(roster.set(secret("old", 0, { east: kubeconfig("1") }))).toMatchObject([{ type: "refused" }]);
    expect([...roster.clusters]).toEqual([["east", "mesh/old"]]);
  });

  test("says when a refusal is over: the Secret was mended to what it had, or is gone", () => {
    const roster = new ClusterRoster();
    roster.set(secret("s", 0, { east: kubeconfig("1") }));
    roster.set(secret("s", 0, { east: "garbage" }));
    const withdrawn = (name: string) => [{ type: "withdrawn", id: "east", secret: `mesh/${name}` }];
    expect(roster.set(secret("s", 0, { east: kubeconfig("1") }))).toEqual(withdrawn("s"));
    expect(roster.set(secret("s", 0, { east: kubeconfig("1") }))).toEqual([]);
    roster.set(secret("younger", 1, { east: kubeconfig("2") }));
    expect(roster.deleted("mesh/younger")).toEqual(withdrawn("younger"));
  });

  test("uses the younger of two Secrets if the older one never worked", () => {
    const roster = new ClusterRoster();
    expect(roster.set(secret("old", 0, { east: "garbage" }))).toMatchObject([{
      type: "refused",
      secret: "mesh/old",
    }]);
    expect(roster.set(secret("new", 1, { east: kubeconfig("2") }))).toMatchObject([
      { type: "added", secret: "mesh/new" },
    ]);
  });

  test("whatever the order in which usable Secrets are read, the same ones are used", () => {
    const ids = fc.uniqueArray(fc.constantFrom("east", "west", "north"), { minLength: 1 });
    const secrets = fc.array(ids, { minLength: 1, maxLength: 5 });
    fc.assert(fc.property(secrets, fc.array(fc.nat(), { maxLength: 5 }), (all, order) => {
      const made = all.map((clusters, index) =>
        secret(`s${index}`, index, Object.fromEntries(clusters.map((id) => [id, kubeconfig(String(index))])))
      );
      const straight = new ClusterRoster();
      for (const one of made) straight.set(one);
      const shuffled = new ClusterRoster();
      const keyed = made.map((one, index) => ({ one, by: order[index] ?? index }));
      const following = new Map<string, string>();
      for (const { one } of keyed.sort((a, b) => a.by - b.by)) {
        for (const change of shuffled.set(one)) {
          if (change.type === "added" || change.type === "rotated") {
            following.set(change.id, change.kubeconfig);
          }
          if (change.type === "removed") following.delete(change.id);
        }
      }
      expect(new Map(shuffled.clusters)).toEqual(new Map(straight.clusters));
      for (const [id, key] of shuffled.clusters) {
        expect(following.get(id)).toBe(made.find((one) => one.key === key)?.clusters.get(id)?.text);
      }
    }));
  });
});
