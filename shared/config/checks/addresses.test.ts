import { describe, expect, test } from "vitest";
import { formatIssue } from "../config-issue.ts";
import { inspectConfig } from "../load-config.ts";

function inspect(data: unknown) {
  const { errors, warnings } = inspectConfig(JSON.stringify(data), { env: {}, fileName: "f" });
  return { errors: errors.map(formatIssue), warnings: warnings.map(formatIssue) };
}

const eureka = (...address: string[]) => ({ eurekaSource: { enabled: true, address } });
const zooKeeper = (...address: string[]) => ({ zookeeperSource: { enabled: true, address } });

describe("addresses as people write them", () => {
  test.each([
    [eureka("http://a.example:8761/eureka", "http://admin:123@4t@b.example:8761/eureka")],
    [eureka("http://user:pa,ss@a.example:8761/eureka")],
    [zooKeeper("10.0.0.1:2181", "10.0.0.2:2181/spring-cloud")],
    [zooKeeper("[2409:8c28:e00::110]:2181")],
    [{ nats: { servers: ["nats://a:4222", "b:4222", "c", "tls://[::1]:4222"] }, ...eureka("http://a") }],
  ])("takes %j", (data) => {
    expect(inspect(data)).toEqual({ errors: [], warnings: [] });
  });

  test.each([
    [
      eureka("http://a.example:8761/eureka/,http://b.example:8761/eureka/"),
      /several addresses; write one item/,
    ],
    [eureka("http://a.example:8761/eureka/,b.example:8761"), /several addresses/],
    [eureka("http://u:p@a/eureka/,http://u:p@b/eureka/"), /several addresses/],
    [eureka("a.example:8761/eureka"), /expected a URL such as "http:\/\/host:8761\/eureka", found/],
    [eureka("http://user:pa#ss@a.example:8761/eureka"), /write %23 for #/],
    [eureka("http://user:12/ss@a.example:8761/eureka"), /an @ stands behind the host; .* %2F for \//],
    [zooKeeper("10.0.0.1:2181,10.0.0.2:2181"), /several servers; write one item/],
    [zooKeeper("zookeeper://10.0.0.1:2181?backup=10.0.0.2:2181"), /the form of Dubbo's own configuration/],
    [zooKeeper("10.0.0.1:2181?backup=10.0.0.2:2181"), /the form of Dubbo's own configuration/],
    [zooKeeper("2409:8c28:e00::110:2181"), /put the IPv6 address in brackets/],
    [zooKeeper("10.0.0.1:2181/a", "10.0.0.2:2181"), /only the last server may end in a chroot/],
    [zooKeeper("user:pass@10.0.0.1:2181"), /set zookeeperSource.username/],
    [{ nats: { servers: ["nats://a:4222,nats://b:4222"] } }, /several servers; write one item/],
    [{ nats: { servers: ["nats://user:pass@a:4222"] } }, /set nats.user and nats.password/],
    [{ nats: { servers: ["http://a"] } }, /expected a NATS server/],
    [
      { zookeeperSource: { enabled: true, address: ["a"], registryRootNode: "dubbo" } },
      /expected a path such as/,
    ],
    [
      { zookeeperSource: { enabled: true, address: ["a"], applicationRoots: ["/a", "b"] } },
      /applicationRoots\[1\]/,
    ],
  ])("refuses %j with one error and a remedy", (data, message) => {
    const { errors } = inspect(data);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(message);
    expect(errors[0]).not.toMatch(/pass@|ss@/);
  });

  test("knows /apps at the end of an address", () => {
    const { errors, warnings } = inspect(eureka("http://a.example:8761/eureka/apps"));
    expect(errors).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining("ends in /apps, which is added to the address")]);
  });
});
