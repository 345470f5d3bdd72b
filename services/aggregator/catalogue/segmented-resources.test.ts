import { expect, test } from "vitest";
import { http80, resourceOf } from "../conflicts/conflict-rig.ts";
import { ResourceCache } from "./cache.ts";

test("the bytes of a merged entry are kept once: in the joined response, from the first one on", () => {
  const cache = new ResourceCache();
  const merged = () => cache.get("ServiceEntry", "eureka/orders");
  const join = () => Buffer.concat(cache.snapshot("ServiceEntry").pieces());
  for (const registry of ["eureka", "nacos"]) cache.put("ServiceEntry", resourceOf({ registry }));
  const before = Buffer.from(merged()?.framed ?? []);
  const [piece] = cache.snapshot("ServiceEntry").pieces();
  expect(merged()?.framed.buffer).toBe(piece?.buffer);
  expect(Buffer.from(merged()?.framed ?? [])).toEqual(before);
  expect(join()).toEqual(before);
  // After changes of it and of its neighbours, it is what it would be without a look before.
  const ports = [http80, { ...http80, number: 81, name: "web" }];
  for (const endpoints of [["10.0.0.7"], ["10.0.0.1", "10.0.0.8"]]) {
    cache.put("ServiceEntry", resourceOf({ registry: "nacos", endpoints, sequence: 2 }));
    for (let other = 0; other < 100; other++) {
      cache.put(
        "ServiceEntry",
        resourceOf({ name: `o-${other}`, hosts: [`o${other}.shop`], ports, endpoints }),
      );
    }
    join();
  }
  const anew = new ResourceCache();
  for (const resource of cache.allStored("ServiceEntry")) anew.put("ServiceEntry", resource);
  const content = (of: ResourceCache) =>
    [...of.snapshot("ServiceEntry").resources].map(({ name, framed }) =>
      `${name} ${Buffer.from(framed).toString("hex")}`
    )
      .sort();
  expect(content(cache)).toEqual(content(anew));
});
