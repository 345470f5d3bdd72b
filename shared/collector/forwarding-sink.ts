import type { ChangeSink } from "./registry.ts";
import type { Unit } from "./unit.ts";

/** A view is opened before the collector that it reports to: what it says until then is lost, it has read nothing. */
export class ForwardingSink implements ChangeSink {
  target: ChangeSink | undefined;

  changed(unit: Unit, endpoints: number): void {
    this.target?.changed(unit, endpoints);
  }

  readStarted(): void {
    this.target?.readStarted();
  }

  readEnded(read: Parameters<ChangeSink["readEnded"]>[0]): void {
    this.target?.readEnded(read);
  }

  completed(): void {
    this.target?.completed();
  }
}
