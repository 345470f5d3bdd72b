import { createHash } from "node:crypto";
import { Dice } from "./dice.ts";
import { eurekaAnswer, eurekaSource } from "./random-eureka.ts";
import { environment } from "./random-labels.ts";
import { zookeeperSource, zookeeperTree } from "./random-zookeeper.ts";

/** The registries that random cases are made of. */
export type CaseRegistry = "eureka" | "zookeeper";

/** A registry with what it has, and the options with which it is read. */
export interface RandomCase {
  readonly registry: CaseRegistry;
  readonly seed: number;
  /** The source's options in slime's spelling, without its address. */
  readonly source: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string>>;
  /** Eureka's answer to `/apps`, or a dump of the tree, as text. */
  readonly input: string;
}

/** The case of a seed: always the same. */
export function randomCase(registry: CaseRegistry, seed: number): RandomCase {
  const dice = new Dice(seed * 2 + (registry === "eureka" ? 0 : 1));
  const isEureka = registry === "eureka";
  return {
    registry,
    seed,
    source: { LabelPatch: false, ...(isEureka ? eurekaSource(dice) : zookeeperSource(dice)) },
    environment: environment(dice),
    input: isEureka ? eurekaAnswer(dice) : JSON.stringify(zookeeperTree(dice)),
  };
}

/** slime's module file for a case; `more` are other keys of `general.LEGACY`. */
export function moduleFile(
  { registry, source }: RandomCase,
  address: string,
  more: Readonly<Record<string, unknown>> = {},
): object {
  const key = registry === "eureka" ? "EurekaSource" : "ZookeeperSource";
  const options = { Enabled: true, Address: [address], ...source };
  return {
    name: "meshregistry",
    kind: "meshregistry",
    enable: true,
    general: { LEGACY: { ...more, [key]: options } },
  };
}

/** Tells whether a stored output is that of the case as the generator makes it now. */
export function fingerprint({ source, environment: variables, input }: RandomCase): string {
  return createHash("sha256").update(JSON.stringify([source, variables, input])).digest("base64url").slice(
    0,
    16,
  );
}

/** One line of a file of stored outputs. */
export interface StoredOutput {
  readonly seed: number;
  readonly fingerprint: string;
  /** slime's resources, or undefined if it did not start. */
  readonly output: unknown;
}
