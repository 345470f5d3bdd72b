import { existsSync, readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isMeshError } from "../../shared/runtime/errors.ts";
import { loadCase, servedOf } from "./slime-case.ts";

/*
 * Cases in which we once differed from slime, found by comparing with a running one on random registries and options.
 * Where a difference is deliberate, `ours.json` lies beside slime's output, and the documentation names it.
 */

const data = join(import.meta.dirname, "../data/slime-diff");
const documentation = join(import.meta.dirname, "../../docs/configuration.md");

/** Deliberate differences: by number of the case, the row of the table in `docs/configuration.md`. */
const deliberate: ReadonlyMap<string, string> = new Map([
  ["07", "An empty `application` of a Dubbo URL"],
  ["14", "Nodes `config`, `metadata` and `mapping` below the root"],
  ["20", "`ConsumerPath` without a leading slash"],
  ["21", "`RegistryRootNode` without a leading slash, or with one at the end"],
  ["22", "Names of nodes above 65,536 characters"],
  ["23", "Endpoints of one address, from ZooKeeper"],
  ["33", "Eureka applications and Nacos services whose names become one (`A_B`, `a-b`)"],
  ["34", "An Eureka instance with port 0, a negative port or none"],
  ["35", "An Eureka instance without a status"],
  ["36", "An Eureka instance whose `ipAddr` is empty, or neither an address nor a host name"],
  ["37", "An IPv6 address with a zone (`fe80::1%eth0`)"],
  ["41", "Another JSON type than Eureka's own in one instance"],
  ["42", "Keys of Eureka's JSON in another case (`IPADDR`)"],
  [
    "44",
    "An Eureka application without a name, and Nacos instances of which `ServiceNaming` makes an empty one",
  ],
  ["45", "Two Eureka instances with one `instanceId`"],
  ["49", "`null` for a duration in the configuration"],
]);

const cases = readdirSync(data).filter((name) => /^\d\d-/.test(name) && !name.includes("-live-"));
const isDeliberate = (name: string) => deliberate.has(name.slice(0, 2));

async function read(name: string) {
  const folder = join(data, name);
  const input = await readFile(join(folder, "input.json"), "utf8");
  const ours = await loadCase(folder).then((loaded) => servedOf(input, loaded), refused);
  const slime: unknown = JSON.parse(await readFile(join(folder, "slime.json"), "utf8"));
  return { ours, slime };
}

/** A configuration that is refused: with which words is of no interest here. */
function refused(error: unknown): { readonly error: string } {
  if (!isMeshError(error, "configuration")) throw error;
  return { error: "refused" };
}

describe("equal to slime", () => {
  test.each(cases.filter((name) => !isDeliberate(name)))("%s", async (name) => {
    const { ours, slime } = await read(name);
    expect(ours).toEqual(slime);
  });
});

describe("deliberately different from slime, as documented", () => {
  test.each(cases.filter(isDeliberate))("%s", async (name) => {
    const { ours, slime } = await read(name);
    const file = join(data, name, "ours.json");
    if (process.env["UPDATE_GOLDEN"] === "1") {
      await writeFile(file, `${JSON.stringify(ours, undefined, 1)}\n`);
    }
    expect(ours).toEqual(JSON.parse(await readFile(file, "utf8")));
    expect(ours).not.toEqual(slime);
    const row = deliberate.get(name.slice(0, 2)) ?? "";
    expect(await readFile(documentation, "utf8")).toContain(`| ${row} `);
  });

  test("no other case has an output of ours", () => {
    expect(cases.filter((name) => existsSync(join(data, name, "ours.json")))).toEqual(
      cases.filter(isDeliberate),
    );
  });
});
