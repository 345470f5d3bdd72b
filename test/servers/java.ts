import { existsSync } from "node:fs";
import { join } from "node:path";
import { serverFolder, useServer } from "./find.ts";
import type { ServerName } from "./find.ts";

/** A Java server's classes as the JVM keeps them in memory, beside the server. `class-archives.ts` makes it. */
export function classArchive(name: ServerName): string {
  return join(serverFolder(name), "classes.jsa");
}

/** Folder of the jars of which a Spring application's one jar is made: an archive can't hold classes of jars in a jar. */
export function unpackedFolder(name: ServerName): string {
  return join(serverFolder(name), "unpacked");
}

/**
 * JVM flags for servers that are small, are started often, and end soon. With a class archive they need half the time
 * to start; one of another Java is ignored.
 */
export function jvmFlags(name: ServerName): readonly string[] {
  const archive = classArchive(name);
  return [
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    ...(existsSync(archive) ? [`-XX:SharedArchiveFile=${archive}`] : []),
  ];
}

/** The jar with which a Spring application is started, noted as used. @throws Error if it has not been built. */
export function springJar(name: "eureka" | "spring-nacos" | "spring-zookeeper"): string {
  const jar = useServer(name);
  const unpacked = jar.replace(serverFolder(name), unpackedFolder(name));
  return existsSync(unpacked) ? unpacked : jar;
}
