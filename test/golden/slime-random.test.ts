import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../shared/config/mod.ts";
import { compareCodePoints } from "../../shared/istio/mod.ts";
import { seededRandom, seedOfRun } from "../seeded-random.ts";
import { fingerprint, moduleFile, randomCase } from "./random/random-case.ts";
import type { CaseRegistry, RandomCase, StoredOutput } from "./random/random-case.ts";
import { servedOf } from "./slime-case.ts";
import type { ServedResource } from "./slime-case.ts";

/*
 * Random registries with random options: for some of them it is stored what a running slime served (see the README), for
 * the others only what holds in any case.
 */

const registries: readonly CaseRegistry[] = ["eureka", "zookeeper"];

function stored(registry: CaseRegistry): StoredOutput[] {
  const file = join(import.meta.dirname, `../data/slime-random/${registry}.jsonl`);
  return readFileSync(file, "utf8").split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

async function served(each: RandomCase, input = each.input): Promise<ServedResource[]> {
  const address = each.registry === "eureka" ? "http://127.0.0.1:1" : "127.0.0.1:1";
  const file = JSON.stringify(moduleFile(each, address));
  return await servedOf(input, loadConfig(file, { env: each.environment, fileName: "the random case" }));
}

describe.each(registries)("%s, as slime", (registry) => {
  test.each(stored(registry))("seed $seed", async ({ seed, fingerprint: of, output }) => {
    const each = randomCase(registry, seed);
    expect(fingerprint(each), "the generator makes another case now: renew the stored outputs").toBe(of);
    expect(await served(each)).toEqual(output);
  });
});

describe.each(registries)("%s, any registry", (registry) => {
  const first = seedOfRun();

  test(`from seed ${first} on: in order, reachable on every port, and independent of the registry's order`, {
    timeout: 60_000,
  }, async () => {
    for (let seed = first; seed < first + 200; seed++) {
      const each = randomCase(registry, seed);
      const resources = await served(each);
      for (const { kind, spec } of resources) if (kind === "ServiceEntry") checkEntry(spec, `seed ${seed}`);
      expect(await served(each, shuffled(each, seed)), `seed ${seed}`).toEqual(resources);
    }
  });
});

interface EntrySpec {
  readonly hosts?: readonly string[];
  readonly ports?: readonly { readonly number: number; readonly name: string }[];
  readonly endpoints?: readonly {
    readonly address: string;
    readonly ports: Readonly<Record<string, number>>;
  }[];
}

/** What holds of every entry of slime's. */
function checkEntry({ hosts = [], ports = [], endpoints = [] }: EntrySpec, seed: string): void {
  expect(hosts, seed).toHaveLength(1);
  const numbers = ports.map(({ number }) => number);
  expect(numbers, seed).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  const addresses = endpoints.map(({ address }) => address);
  expect(addresses, seed).toEqual(addresses.toSorted(compareCodePoints));
  for (const endpoint of endpoints) {
    expect(Object.keys(endpoint.ports).sort(), seed).toEqual(ports.map(({ name }) => name).sort());
    for (const port of Object.values(endpoint.ports)) expect(port > 0 && port < 65_536, seed).toBe(true);
  }
}

/** The same registry in another order. */
function shuffled({ registry, input }: RandomCase, seed: number): string {
  const random = seededRandom(seed);
  const shuffle = <Item>(items: readonly Item[]) =>
    items.map((item) => [random(), item] as const).sort(([a], [b]) => a - b).map(([, item]) => item);
  if (registry === "zookeeper") return JSON.stringify(shuffle(JSON.parse(input)));
  const { applications: { application } }: {
    applications: {
      application: readonly { readonly name: string; readonly instance: readonly unknown[] }[];
    };
  } = JSON.parse(input);
  const others = shuffle(application).map(({ name, instance }) => ({ name, instance: shuffle(instance) }));
  return JSON.stringify({ applications: { application: others } });
}
