import type { Dice } from "./dice.ts";
import { commonOptions, labelValue, metadata } from "./random-labels.ts";

const names = ["ORDERS", "Order_Items", "user-Service", "ΟΔΟΣ", "İSTANBUL", "shop.web", "X1"] as const;
const hosts = ["order-1.shop", "fd00::1", "10.0.1.1", "10.0.1.1", "10.0.0.10", "10.0.0.9"] as const;
const statuses = ["DOWN", "OUT_OF_SERVICE", "STARTING", "up"] as const;

/** `EurekaSource`, in slime's spelling. */
export function eurekaSource(dice: Dice): Record<string, unknown> {
  return {
    ...commonOptions(dice),
    ...dice.options(0.2, {
      NsHost: () => false,
      K8SDomainSuffix: () => false,
      EnableProjectCode: () => true,
      AppSuffix: () => dice.one(["nsf", "x.y"]),
      NsfEureka: () => true,
      DefaultServiceNs: () => dice.one(["", "prod"]),
      RegistryID: () => dice.one(["r1", "no label!"]),
    }),
  };
}

/** A complete answer of Eureka's `/apps`. */
export function eurekaAnswer(dice: Dice): string {
  const application = dice.some(names, 0.4).map((name) => (
    { name, instance: dice.list(5, (index) => instance(dice, `${name}-${dice.below(1000)}-${index}`)) }
  ));
  return JSON.stringify({ applications: { application } });
}

function instance(dice: Dice, instanceId: string): object {
  return {
    instanceId,
    ipAddr: dice.chance(0.8) ? `10.0.0.${dice.below(20) + 1}` : dice.one(hosts),
    status: dice.chance(0.85) ? "UP" : dice.one(statuses),
    port: {
      $: dice.chance(0.9) ? dice.one([8080, 8081, 80]) : dice.one([65_535, 65_536, 1]),
      "@enabled": "true",
    },
    ...(dice.chance(0.1) ? {} : { metadata: instanceMetadata(dice) }),
  };
}

function instanceMetadata(dice: Dice): Record<string, string | null> {
  return {
    ...metadata(dice),
    ...(dice.chance(0.3) ? { projectCode: dice.one(["p1", "P2", ""]) } : {}),
    ...(dice.chance(0.1) ? { instanceId: dice.one(["a:b", "ab"]) } : {}),
    ...(dice.chance(0.1) ? { nothing: null } : {}),
    ...(dice.chance(0.1) ? { stage: labelValue(dice) } : {}),
  };
}
