/** Istio's rules: what a stock istiod accepts, and how our entries are made to fit. Pure functions, no I/O. */
export { compareCodePoints } from "./code-point-order.ts";
export { safeHost } from "./dns-name.ts";
export {
  addressFault,
  canonicalAddress,
  isLoopback,
  isOrdinaryAddress,
  linkLocalFault,
  withoutZone,
} from "./endpoint-address.ts";
export { inProfile } from "./in-profile.ts";
export { isCidr, isIpAddress } from "./ip-address.ts";
export { repairLabelKey, repairLabels, repairLabelValue } from "./label-repair.ts";
export {
  isFqdn,
  isLabel,
  isLabelKey,
  isLabelValue,
  isPortProtocol,
  isWildcardHost,
  parseProtocol,
  protocolNames,
  protocolTraits,
} from "./names.ts";
export type { ProtocolName } from "./names.ts";
export { noEndpointsLabel, normalizeForIstio, orderForSlime } from "./normalize.ts";
export { isPortNumber } from "./port-number.ts";
export { repairEndpoints, withoutRejectedEndpoints } from "./repair-endpoints.ts";
export type { LeftOutEndpoint, RepairedEntry } from "./repair-endpoints.ts";
export { validateManifest } from "./validate.ts";
export type { Rule, Violation } from "./violation.ts";
export { tellsHostsApart } from "./validate-service-entry.ts";
