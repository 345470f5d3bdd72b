import { existsSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { demoNames } from "../../shared/simulators/demo/start-demo.ts";
import {
  filesBelow,
  Kustomization,
  pick,
  readText,
  readYaml,
  root,
  Service,
  Workload,
} from "./read-manifests.ts";

const Artifact = z.looseObject({
  image: z.string(),
  docker: z.looseObject({
    dockerfile: z.string(),
    buildArgs: z.looseObject({ SERVICE: z.string(), OWNER: z.string().optional() }),
  }),
  sync: z.looseObject({ manual: z.array(z.looseObject({ src: z.string(), dest: z.string() })) }).optional(),
});
const Forward = z.looseObject({ resourceName: z.string(), namespace: z.string(), port: z.number() });
const Build = z.looseObject({ artifacts: z.array(Artifact) });
const Manifests = z.looseObject({ kustomize: z.looseObject({ paths: z.array(z.string()) }) });
const Verify = z.array(z.looseObject({ container: z.looseObject({ image: z.string() }) }));
const Profile = z.looseObject({
  name: z.string(),
  build: Build,
  manifests: Manifests,
  portForward: z.array(Forward).optional(),
  patches: z.undefined().optional(),
});
const Skaffold = z.looseObject({
  apiVersion: z.string(),
  build: Build,
  manifests: Manifests,
  verify: Verify,
  portForward: z.array(Forward),
  profiles: z.array(Profile),
});

const file = readYaml("skaffold.yaml")[0];
const skaffold = Skaffold.parse(file);
/** What skaffold runs without a profile, and with each. */
const runs = [{ ...skaffold, name: "default" }, ...skaffold.profiles].map((run) => ({
  ...run,
  portForward: run.portForward ?? skaffold.portForward,
}));

/** The image of each workload that an overlay brings, with those of its resources and components. */
function deployed(folder: string): readonly z.infer<typeof Workload>[] {
  const { resources, components } = Kustomization.parse(readYaml(`${folder}/kustomization.yaml`)[0]);
  // nats-accounts is made where it is used, and brings no workload.
  return [...resources, ...components].filter((name) => name !== "nats-accounts").flatMap((name) => {
    const path = join(folder, name);
    if (existsSync(join(root, path, "kustomization.yaml"))) return deployed(path);
    return pick(Workload, readYaml(path), "Deployment", "StatefulSet");
  });
}

test("skaffold.yaml is as skaffold's own schema wants it", () => {
  const [, version = ""] = skaffold.apiVersion.split("/");
  const schema: unknown = JSON.parse(readText(`test/data/skaffold/${version}.json`));
  const ajv = new Ajv({ strict: false, allErrors: true });
  const validate = ajv.compile(z.record(z.string(), z.unknown()).parse(schema));
  expect(validate(file), ajv.errorsText(validate.errors)).toBe(true);
  // A key that skaffold doesn't know is seen.
  expect(validate({ ...skaffold, portForwards: [] })).toBe(false);
});

describe.each(runs)("skaffold: $name", ({ name, build, manifests, portForward }) => {
  const [folder = ""] = manifests.kustomize.paths;

  test("it builds the images that are deployed, each from its service, and the one that verifies", () => {
    const used = deployed(folder).flatMap(({ spec }) =>
      spec.template.spec.containers.map(({ image }) => image)
    )
      .filter((image) => image.startsWith("meshregistry/"));
    const verifying = skaffold.verify.map(({ container }) => container.image);
    expect(build.artifacts.map(({ image }) => image).sort()).toEqual([...used, ...verifying].sort());
    for (const { image, docker: { dockerfile, buildArgs } } of build.artifacts) {
      expect(image).toBe(`meshregistry/${buildArgs.SERVICE}`);
      expect(existsSync(join(root, "services", buildArgs.SERVICE, "start.mjs"))).toBe(true);
      expect(existsSync(join(root, dockerfile))).toBe(true);
    }
  });

  test("sources are copied only into containers whose user may write them", () => {
    for (const { docker: { buildArgs }, sync } of build.artifacts) {
      expect(sync === undefined, buildArgs.SERVICE).toBe(buildArgs.OWNER === undefined);
      if (name === "production") expect(sync).toBeUndefined();
      for (const { src } of sync?.manual ?? []) {
        expect(existsSync(join(root, src.replace(/\*.*/, "")))).toBe(true);
      }
    }
    const { components } = Kustomization.parse(readYaml(`${folder}/kustomization.yaml`)[0]);
    const isSynced = build.artifacts.some(({ sync }) => sync !== undefined);
    expect(components.includes("../../components/sync-sources")).toBe(isSynced);
  });

  test("it copies sources of all packages that a service has, but for generated ones", () => {
    const Package = z.looseObject({ dependencies: z.record(z.string(), z.string()) });
    for (const { docker: { buildArgs: { SERVICE } }, sync } of build.artifacts) {
      if (sync === undefined) continue;
      const { dependencies } = Package.parse(JSON.parse(readText(`services/${SERVICE}/package.json`)));
      const folders = Object.keys(dependencies)
        .filter((name) => name.startsWith("@meshregistry/") && name !== "@meshregistry/protos")
        .map((name) =>
          name === "@meshregistry/shared" ? "shared" : name.replace("@meshregistry", "services")
        );
      for (const folder of [`services/${SERVICE}`, ...folders]) {
        const isCopied = sync.manual.some(({ src }) => `${folder}/`.startsWith(src.replace(/\*.*/, "")));
        expect(isCopied, `${SERVICE}: ${folder}`).toBe(true);
      }
    }
  });

  test("it forwards ports of Services in the overlay's namespace", () => {
    const { namespace } = Kustomization.parse(readYaml(`${folder}/kustomization.yaml`)[0]);
    const services = filesBelow("deploy", ".yaml").flatMap((path) =>
      pick(Service, readYaml(path), "Service")
    );
    expect(portForward).not.toHaveLength(0);
    for (const forward of portForward) {
      const ports = services.filter(({ metadata }) => metadata.name === forward.resourceName)
        .flatMap(({ spec }) => spec.ports.map(({ port }) => port));
      expect(ports, forward.resourceName).toContain(forward.port);
      expect(forward.namespace).toBe(namespace);
    }
  });
});

test("there is a profile for each registry that the demo has, and for each way to run", () => {
  expect(skaffold.profiles.map(({ name }) => name).sort()).toEqual(
    ["all-in-one", "deno", "production", ...demoNames].sort(),
  );
});
