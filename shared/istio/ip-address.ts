import { isIPv6 } from "node:net";

const zero = 48;
const nine = 57;
const dot = 46;

/** Four decimal numbers up to 255 without leading zeros. A loop, because it runs for each endpoint. */
function isIpv4(text: string): boolean {
  let value = -1;
  let dots = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code >= zero && code <= nine) {
      if (value === 0) return false;
      value = value === -1 ? code - zero : value * 10 + code - zero;
      if (value > 255) return false;
    } else {
      if (code !== dot || value === -1 || dots === 3) return false;
      dots++;
      value = -1;
    }
  }
  return dots === 3 && value !== -1;
}

/** True for an IPv4 or IPv6 address as Go's `netip.ParseAddr` reads it; IPv6 may have a zone (`fe80::1%eth0`). */
export function isIpAddress(text: string): boolean {
  if (!text.includes(":")) return isIpv4(text);
  const percent = text.indexOf("%");
  if (percent === -1) return isIPv6(text);
  return percent < text.length - 1 && isIPv6(text.slice(0, percent));
}

/** True for `address/bits` as Go's `netip.ParsePrefix` reads it: no zone, no leading zeros. */
export function isCidr(text: string): boolean {
  const [address = "", bits = "", more] = text.split("/");
  if (more !== undefined || !/^(?:0|[1-9][0-9]{0,2})$/.test(bits)) return false;
  if (isIpv4(address)) return Number(bits) <= 32;
  return isIPv6(address) && !address.includes("%") && Number(bits) <= 128;
}
