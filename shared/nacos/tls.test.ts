import { expect, test } from "vitest";
import { selfSignedCertificate } from "../../test/servers/certificate.ts";
import { clientOf, eventually, lastErrorOf, namingOf, service, startServer } from "./nacos-rig.ts";

const orders = service("orders");

test.each(["watching", "polling"] as const)(
  "speaks TLS with servers that its certificates vouch for, %s",
  async (mode) => {
    const tls = selfSignedCertificate();
    const server = await startServer({ version: "2.3.2", tls });
    server.registry.register(orders, { ip: "10.0.0.1", port: 80 });
    for (const host of ["127.0.0.1", "localhost"]) {
      const address = server.address.replace("127.0.0.1", host);
      const suite = namingOf(clientOf([address], { mode, tls: { ca: tls.cert } }));
      suite.naming.subscribe(orders);
      suite.naming.watchServices();
      await suite.sees(orders, "10.0.0.1:80");
      await eventually(() => suite.services()).toEqual(["g@@orders"]);
    }
  },
);

test.each(["watching", "polling"] as const)(
  "connects to no server that nobody vouches for, %s",
  async (mode) => {
    const server = await startServer({ tls: selfSignedCertificate() });
    const suite = namingOf(clientOf([server], { mode, tls: { ca: selfSignedCertificate().cert } }));
    await eventually(() => suite.count("failed")).toBeGreaterThan(0);
    expect(lastErrorOf(suite)).toMatch(/self-signed certificate|unable to verify/i);
  },
);
