import { createServer } from "node:net";

/**
 * Ports below the range from which operating systems take the local ports of outgoing connections: a port in that range
 * may be taken by anybody between the moment when it was found free and the moment when a server is (re)started on it.
 */
const lowest = 20_000;
const highest = 32_000;

/** Never given out twice by one process, since the servers that get them start later. */
const givenOut = new Set<number>();

/** A port on 127.0.0.1 that nobody listens on, and that this process gives to nobody else. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (givenOut.has(port) || !(await isFree(port))) continue;
    givenOut.add(port);
    return port;
  }
  throw new Error(`Cannot find a free port between ${lowest} and ${highest}`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
