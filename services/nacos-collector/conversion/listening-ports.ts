import { protocolWord } from "../../../shared/conversion/port-protocol.ts";
import type { ListeningPort } from "../../../shared/conversion/protocol-ports.ts";
import type { NacosRules } from "./nacos-rules.ts";

/** Schemes in which an instance that says to be `secure` has TLS already. */
const overTls: ReadonlySet<string> = new Set(["https", "tls"]);

/**
 * What an instance speaks where, as its metadata say: `protocol` (also read by Nacos' own module for Istio), `secure`
 * (Spring Cloud Alibaba's), and further ports (`portMetaKeys`). Undefined if they say nothing: the source's protocol, on
 * its port. What can't be a protocol or a port counts as absent.
 */
export function listeningPorts(
  port: number,
  metadata: Readonly<Record<string, string>>,
  { service: { svcProtocol }, portMetaKeys }: NacosRules,
): readonly ListeningPort[] | undefined {
  const own = svcProtocol.toLowerCase();
  let main = protocolWord(metadata["protocol"] ?? "") ?? own;
  if (metadata["secure"] === "true" && !overTls.has(main)) main = main.startsWith("http") ? "https" : "tls";
  const further: ListeningPort[] = [];
  for (const { key, scheme } of portMetaKeys) {
    const number = portNumber(metadata[key]);
    if (number === undefined || further.some((each) => each.port === number)) continue;
    // The same port once more says what is spoken there: go-zero registers gRPC so.
    if (number === port) main = scheme;
    else further.push({ scheme, port: number });
  }
  if (main === own && further.length === 0) return undefined;
  return [{ scheme: main, port }, ...further];
}

/** Undefined unless it is a number from 1 to 65535. */
function portNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^[0-9]{1,5}$/.test(text)) return undefined;
  const number = Number(text);
  return number >= 1 && number <= 65_535 ? number : undefined;
}
