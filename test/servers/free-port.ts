import { createServer } from "node:net";

/**
 * Ports below the range from which operating systems take the local ports of outgoing connections: a port in that range
 * may be taken by anybody between the moment when it was found free and the moment when a server is (re)started on it.
 */
const lowest = 20_000;
const highest = 32_000;

/** Test files that run side by side have ranges of their own: a port is free until its server binds it, a second later. */
const ranges = 4;
const rangeWidth = (highest - lowest) / ranges;
const rangeStart = lowest + (Number(process.env["VITEST_POOL_ID"] ?? 0) % ranges) * rangeWidth;

/** Never given out twice by one process, since the servers that get them start later. */
const givenOut = new Set<number>();

/** A port on 127.0.0.1 that nobody listens on, and that this process gives to nobody else. */
export async function freePort(): Promise<number> {
  return await freePortWith([]);
}

/** The same, for a server that takes others at fixed distances from it, such as one that is 1000 above. */
export async function freePortWith(distances: readonly number[]): Promise<number> {
  // All of them are in this file's range: what lies in another one, that file may give to a server of its own.
  const first = rangeStart - Math.min(0, ...distances);
  const end = rangeStart + rangeWidth - Math.max(0, ...distances);
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const port = first + Math.floor(Math.random() * (end - first));
    const ports = [0, ...distances].map((distance) => port + distance);
    if (ports.some((one) => givenOut.has(one))) continue;
    if (!(await Promise.all(ports.map(isFree))).every(Boolean)) continue;
    for (const one of ports) givenOut.add(one);
    return port;
  }
  throw new Error(`Cannot find a free port between ${rangeStart} and ${rangeStart + rangeWidth}`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
