import type { LogRecord } from "../../../shared/entry-log/entry-log.ts";
import { encodeSubject } from "../../../shared/model/subject.ts";

/** The Sidecar of an application that calls these hosts. */
export function sidecarRecord(application: string, hosts: readonly string[]): LogRecord {
  const name = `${application}.dubbo.generated`;
  const manifest = {
    apiVersion: "networking.istio.io/v1",
    kind: "Sidecar",
    metadata: { name, namespace: "shop" },
    spec: {
      workloadSelector: { labels: { app: application } },
      egress: [{ hosts: hosts.map((host) => `*/${host}`) }],
    },
  };
  const subject = encodeSubject({
    kind: "Sidecar",
    registry: "zookeeper",
    source: "default",
    namespace: "shop",
    name,
  });
  return { subject, data: Buffer.from(JSON.stringify(manifest)) };
}
