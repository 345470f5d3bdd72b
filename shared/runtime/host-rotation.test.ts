import { expect, test } from "vitest";
import { HostRotation } from "./host-rotation.ts";

const hosts = ["a", "b", "c"].map((name) => ({ name, port: 1 }));
/** Always the same: keeps the order, and pauses for three quarters. */
const fixed = () => 0.5;

test("goes round at once, then waits twice as long after each round", () => {
  const rotation = new HostRotation(hosts, fixed);
  const tried: string[] = [];
  for (let attempt = 0; attempt < 24; attempt++) {
    const { host, waitMs } = rotation.next();
    tried.push(waitMs === 0 ? host.name : `${waitMs} ${host.name}`);
    rotation.ended(0);
  }
  const waits = [75, 150, 300, 600, 1200, 2250, 2250];
  expect(tried.join(" ")).toBe(`a b c ${waits.map((wait) => `${wait} a b c`).join(" ")}`);
});

test("a connection that lived begins another round", () => {
  const rotation = new HostRotation([hosts[0] ?? { name: "", port: 0 }], fixed);
  rotation.next();
  rotation.ended(0);
  expect(rotation.next().waitMs).toBe(75);
  rotation.ended(999);
  expect(rotation.next().waitMs).toBe(150);
  rotation.ended(1_000);
  expect(rotation.next().waitMs).toBe(0);
});

test("stays at a host that is fine", () => {
  const rotation = new HostRotation(hosts, fixed);
  expect(rotation.next().host.name).toBe("a");
  rotation.ended(0);
  rotation.tryAgain();
  expect(rotation.next()).toEqual({ host: hosts[0], waitMs: 0 });
  rotation.ended(0);
  expect(rotation.next().host.name).toBe("b");
});

test("takes the host that it is told to take, and goes on behind it", () => {
  const rotation = new HostRotation(hosts, fixed);
  rotation.next();
  rotation.prefer(({ name }) => name === "c");
  expect(rotation.next()).toEqual({ host: hosts[2], waitMs: 0 });
  rotation.prefer(({ name }) => name === "unknown");
  expect([1, 2].map(() => rotation.next().host.name)).toEqual(["a", "b"]);
});

test("shuffles, once", () => {
  const order = [0.9, 0.1, 0.5];
  let draws = 0;
  const rotation = new HostRotation(hosts, () => order[draws++] ?? 0);
  expect([1, 2, 3, 4].map(() => rotation.next().host.name)).toEqual(["b", "c", "a", "b"]);
  expect(draws).toBe(3);
});
