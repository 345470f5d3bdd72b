import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { outputOf } from "./image-tree.ts";

const Named = z.looseObject({ name: z.string() });
const Source = z.looseObject({
  name: z.string(),
  configMap: Named.optional(),
  secret: z.looseObject({ secretName: z.string(), optional: z.boolean().default(false) }).optional(),
  emptyDir: z.looseObject({}).optional(),
});
const HttpProbe = z.looseObject({ httpGet: z.looseObject({ path: z.string(), port: z.string() }) });
const Container = z.looseObject({
  name: z.string(),
  image: z.string(),
  args: z.array(z.string()),
  env: z.array(z.looseObject({
    name: z.string(),
    value: z.string().optional(),
    valueFrom: z.looseObject({ fieldRef: z.looseObject({ fieldPath: z.string() }) }).optional(),
  })).default([]),
  ports: z.array(z.looseObject({ name: z.string(), containerPort: z.number() })),
  readinessProbe: HttpProbe,
  livenessProbe: HttpProbe,
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })).default([]),
});

/** A Deployment or a StatefulSet, as far as it says how its container runs. */
export const Workload = z.looseObject({
  kind: z.enum(["Deployment", "StatefulSet"]),
  metadata: z.looseObject({ name: z.string(), namespace: z.string() }),
  spec: z.looseObject({
    template: z.looseObject({
      spec: z.looseObject({
        terminationGracePeriodSeconds: z.number().default(30),
        containers: z.tuple([Container]),
        volumes: z.array(Source).default([]),
      }),
    }),
    volumeClaimTemplates: z.array(z.looseObject({ metadata: Named })).default([]),
  }),
});
export type Workload = z.infer<typeof Workload>;

/** What an image has: its executable with the arguments that come before the manifest's, and its tree. */
export interface Image {
  /** The executable on this machine; in the pod it is at `/bin/<command>`. */
  readonly executable: string;
  readonly command: readonly [name: string, ...args: string[]];
  /** Bound to `/app`. */
  readonly tree?: string;
  readonly workingFolder: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Files of a ConfigMap or a Secret, by its name. */
export type Files = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** Everything is mounted in a namespace of the process, which ends with it. */
const mountAndRun = `set -e
root=$1; uid=$2; wd=$3; shift 3
mount --bind "$root" "$root"
for folder in lib lib64 usr/lib dev proc; do
  if [ -e "/$folder" ]; then mkdir -p "$root/$folder"; mount --rbind "/$folder" "$root/$folder"; fi
done
while [ "$1" != -- ]; do mkdir -p "$root$2"; mount --bind "$1" "$root$2"; test "$3" = rw || mount -o remount,ro,bind "$root$2"; shift 3; done
shift
mount -o remount,ro,bind "$root"
exec unshare --root="$root" --wd="$wd" --setgid="$uid" --setuid="$uid" -- "$@"
`;

/** A container as its manifest says, in a root of its own that it can't write, as user 1000; without Kubernetes. */
export class Pod {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #grace: number;
  readonly output: () => string;

  private constructor(name: string, child: ChildProcess, grace: number) {
    this.name = name;
    this.#child = child;
    this.#ended = once(child, "exit");
    this.#grace = grace;
    this.output = outputOf(child);
  }

  /** Starts the container of a workload. `folder` is scratch space, `hosts` the content of /etc/hosts. */
  static start(workload: Workload, image: Image, files: Files, folder: string, hosts: string): Pod {
    const { name, namespace } = workload.metadata;
    const { containers: [container], volumes, terminationGracePeriodSeconds } = workload.spec.template.spec;
    const root = join(folder, name, "root");
    for (const part of ["bin", "etc", "app"]) mkdirSync(join(root, part), { recursive: true });
    const [command, ...first] = image.command;
    copyFileSync(image.executable, join(root, "bin", command));
    chmodSync(join(root, "bin", command), 0o755);
    writeFileSync(join(root, "etc/hosts"), hosts);
    writeFileSync(join(root, "etc/nsswitch.conf"), "hosts: files dns\n");
    const mounts = image.tree === undefined ? [] : [image.tree, "/app", "ro"];
    for (const { name: volume, mountPath } of container.volumeMounts) {
      const source = volumes.find((one) => one.name === volume);
      const content = source?.configMap?.name ?? source?.secret?.secretName;
      const path = join(folder, name, volume);
      mkdirSync(path, { recursive: true });
      if (content === undefined) {
        // A volume of the pod's own group.
        chownSync(path, 1000, 1000);
        mounts.push(path, mountPath, "rw");
        continue;
      }
      const own = files.get(content);
      if (own === undefined && source?.secret?.optional !== true) {
        throw new Error(`${name} mounts ${content}, which the manifests don't have`);
      }
      for (const [file, text] of Object.entries(own ?? {})) writeFileSync(join(path, file), text);
      mounts.push(path, mountPath, "ro");
    }
    const fields: Readonly<Record<string, string>> = {
      "metadata.name": `${name}-0`,
      "metadata.namespace": namespace,
    };
    const env = Object.fromEntries(
      container.env.map((one) =>
        [one.name, one.value ?? fields[one.valueFrom?.fieldRef.fieldPath ?? ""] ?? ""] as const
      ),
    );
    const mounted = [root, "1000", image.workingFolder, ...mounts, "--"];
    const args = [...mounted, `/bin/${command}`, ...first, ...container.args];
    const child = spawn("unshare", ["--mount", "sh", "-c", mountAndRun, "sh", ...args], {
      cwd: "/",
      // PATH is for the shell.
      env: { PATH: "/bin:/usr/bin:/sbin:/usr/sbin", HOME: "/", ...image.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    return new Pod(name, child, terminationGracePeriodSeconds);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** True if it ended. */
  get isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Ends it as Kubernetes does. @throws Error with its output unless it goes in time, with exit code 0 */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), this.#grace * 1000);
    await this.#ended;
    clearTimeout(timer);
    const { exitCode, signalCode } = this.#child;
    // nats-server takes SIGTERM as an end by a signal.
    if (exitCode !== 0 && !(this.name.endsWith("nats") && exitCode === 1)) {
      throw new Error(`${this.name} ended with ${signalCode ?? exitCode} after SIGTERM:\n${this.output()}`);
    }
  }

  /** Waits until it ends by itself. @throws Error with its output unless its exit code is 0 */
  async end(): Promise<void> {
    await this.#ended;
    if (this.#child.exitCode !== 0) throw new Error(`${this.name} failed:\n${this.output()}`);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

/** The URL of a workload's probe, at an address. */
export function probeUrl(workload: Workload, kind: "readinessProbe" | "livenessProbe", host: string): string {
  const [container] = workload.spec.template.spec.containers;
  const { path, port } = container[kind].httpGet;
  const number = container.ports.find(({ name }) => name === port)?.containerPort;
  return `http://${host}:${number}${path}`;
}

/** True if this machine lets us make namespaces for network and mounts. */
export function canIsolate(): boolean {
  return process.platform === "linux" && process.getuid?.() === 0 && existsSync("/usr/bin/unshare");
}
