import { expect, test } from "vitest";
import { embeddedFactsLog } from "../../../shared/entry-log/open-entry-log.ts";
import { nodeFactBytes, podFactBytes } from "../../../shared/facts/fact.ts";
import { nodeSubject, podSubject } from "../../../shared/facts/fact-subject.ts";
import { podRoutes } from "./pods.ts";

async function ask(path: string, factsLog = embeddedFactsLog()): Promise<unknown> {
  const response = await podRoutes(factsLog).request(path);
  expect(response.headers.get("content-type")).toContain("application/json");
  return await response.json();
}

test("/pc and /nc have slime's shape", async () => {
  const factsLog = embeddedFactsLog();
  const pod = { node: "n1", account: "", labels: { app: "shop" }, created: 7 };
  await factsLog.publish([
    {
      subject: podSubject("home", "shop", "old"),
      data: podFactBytes({ ...pod, ips: ["10.0.0.1"], created: 1 }),
    },
    {
      subject: podSubject("home", "shop", "a"),
      data: podFactBytes({ ...pod, ips: ["10.0.0.1", "2001:db8::1"] }),
    },
    {
      subject: podSubject("east", "shop", "b"),
      data: podFactBytes({ ...pod, ips: ["10.0.0.1"], labels: {} }),
    },
    { subject: nodeSubject("home", "n1"), data: nodeFactBytes({ labels: { zone: "z" }, created: 0 }) },
  ], new AbortController().signal);
  const a = {
    Meta: {
      name: "a",
      namespace: "shop",
      labels: { app: "shop" },
      creationTimestamp: "1970-01-01T00:00:07Z",
    },
    NodeName: "n1",
  };
  expect(await ask("/pc", factsLog)).toEqual({
    home: { "10.0.0.1": a, "2001:db8::1": a },
    east: {
      "10.0.0.1": {
        Meta: { name: "b", namespace: "shop", creationTimestamp: "1970-01-01T00:00:07Z" },
        NodeName: "n1",
      },
    },
  });
  expect(await ask("/nc", factsLog)).toEqual({
    home: { n1: { name: "n1", labels: { zone: "z" }, creationTimestamp: null } },
  });
});

test("/pc and /nc are empty where nothing is known", async () => {
  expect([await ask("/pc"), await ask("/nc")]).toEqual([{}, {}]);
  expect(await (await podRoutes(undefined).request("/pc")).json()).toEqual({});
});
