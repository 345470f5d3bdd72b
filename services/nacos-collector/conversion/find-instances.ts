import { recordFilter } from "../../../shared/collector/trace/found-record.ts";
import type { FoundRecord } from "../../../shared/collector/trace/found-record.ts";
import type { Unit } from "../../../shared/collector/unit.ts";
import type { TraceQuestion } from "../../../shared/model/trace-question.ts";
import { instancePath } from "./service-members.ts";
import { recordPath } from "./service-record.ts";
import type { NacosServiceRecord } from "./service-record.ts";

/** The instances that fit a question; for a service without instances, the service. `unitOf`: what a name belongs to. */
export function* findInstances(
  question: TraceQuestion,
  limit: number,
  records: Iterable<NacosServiceRecord>,
  unitOf: (name: string) => { readonly unit: Unit; readonly name: string },
): Iterable<FoundRecord> {
  const fits = recordFilter(question);
  let left = limit;
  for (const record of records) {
    const { unit, name } = unitOf(record.name);
    const names = [record.name, name, `${record.group}@@${record.name}`];
    for (const instance of record.instances) {
      const { ip, port, healthy, enabled, weight, metadata } = instance;
      const application = metadata["application"] ?? metadata["dubbo.application"] ?? "";
      if (!fits({ address: ip, port, names, application })) continue;
      const state = [
        healthy ? "healthy" : "not healthy",
        enabled ? "enabled" : "disabled",
        `weight ${weight}`,
      ].join(", ");
      yield { unit, path: instancePath({ record, instance, metadata }), address: ip, port, state };
      if (--left === 0) return;
    }
    if (record.instances.length > 0 || !fits({ address: "", port: 0, names, application: "" })) continue;
    yield { unit, path: recordPath(record), address: "", port: 0, state: "no instances" };
    if (--left === 0) return;
  }
}
