import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { startDubboProvider } from "./dubbo.ts";
import type { DubboVersion } from "./dubbo.ts";
import { startEureka } from "./eureka.ts";
import { findServer } from "./find.ts";
import type { ServerName } from "./find.ts";
import { classArchive, unpackedFolder } from "./java.ts";
import { startNacos } from "./nacos.ts";
import type { ServerProcess } from "./server-process.ts";
import { startSpringZooKeeper } from "./spring-zookeeper.ts";
import { usageFileVariable } from "./usage.ts";
import { startZooKeeper, zooKeeperServerName, zooKeeperVersions } from "./zookeeper.ts";

/** How to start each Java server for once, so that it loads the classes that it needs to start. */
function trainings(): ReadonlyMap<ServerName, (zookeeper: string) => Promise<ServerProcess>> {
  const dubbo = (version: DubboVersion) => (zookeeper: string) =>
    startDubboProvider({
      version,
      zookeeper,
      application: "training",
      host: "10.9.1.1",
      services: [{ interface: "shop.api.OrderService" }],
      ...(version === "3.3" ? { metadataType: "remote" } : {}),
    });
  return new Map<ServerName, (zookeeper: string) => Promise<ServerProcess>>([
    ...zooKeeperVersions.map((version) =>
      [zooKeeperServerName(version), () => startZooKeeper({ version })] as const
    ),
    // With a password it loads more.
    ["eureka", () => startEureka({ auth: { username: "mesh", password: "s3cret" } })],
    ["dubbo-2.7", dubbo("2.7")],
    ["dubbo-3.3", dubbo("3.3")],
    ["nacos-2", () => startNacos({ line: "2" })],
    ["nacos-3", () => startNacos({ line: "3" })],
    ["spring-zookeeper", (zookeeper) => startSpringZooKeeper({ zookeeper, application: "training" })],
  ]);
}

/**
 * Vitest calls it before the tests with real servers: makes the class archives that the built Java servers don't have
 * yet, in some ten seconds for each, once. Without one a server starts as well, but takes twice the time.
 */
export async function setup(): Promise<void> {
  const wanted = [...trainings()].filter(([name]) =>
    findServer(name) !== undefined && !existsSync(classArchive(name))
  );
  if (wanted.length === 0 || findServer("zookeeper-3.9") === undefined) return;
  process.stderr.write(`making class archives of ${wanted.map(([name]) => name).join(", ")}\n`);
  const usageFile = process.env[usageFileVariable];
  // What is started here isn't used by a test.
  delete process.env[usageFileVariable];
  try {
    await using zookeeper = await startZooKeeper();
    for (const [name, start] of wanted) await makeClassArchive(name, () => start(zookeeper.address));
  } catch (error) {
    process.stderr.write(`not all have one, and start slowly: ${String(error)}\n`);
  } finally {
    if (usageFile !== undefined) process.env[usageFileVariable] = usageFile;
  }
}

async function makeClassArchive(name: ServerName, start: () => Promise<ServerProcess>): Promise<void> {
  if (name === "eureka" || name === "spring-zookeeper") await unpack(name);
  // Another run may do the same: whoever is last replaces a whole archive by another.
  const unfinished = `${classArchive(name)}.${process.pid}`;
  process.env["JDK_JAVA_OPTIONS"] = `-XX:ArchiveClassesAtExit=${unfinished}`;
  try {
    await using server = await start();
    // On a busy machine it takes longer to write the archive than a server may take to stop.
    await server.kill("SIGTERM");
    await rename(unfinished, classArchive(name));
  } finally {
    delete process.env["JDK_JAVA_OPTIONS"];
    await rm(unfinished, { force: true });
  }
}

/** Takes a Spring application's jar apart. An archive is of the folder where the jars were: they must not move later. */
async function unpack(name: ServerName): Promise<void> {
  const [jar, folder] = [findServer(name), unpackedFolder(name)];
  if (jar === undefined || existsSync(folder)) return;
  const work = await mkdtemp(`${folder}-`);
  try {
    await promisify(execFile)("java", [
      "-Djarmode=tools",
      "-jar",
      jar,
      "extract",
      "--destination",
      join(work, "jars"),
    ]);
    await rename(join(work, "jars"), folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
